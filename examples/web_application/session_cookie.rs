//! The cookie that carries the session id between browser and application.

use connect_pg::{Session, SessionId};
use cookie::time::Duration;
use cookie::{Cookie, CookieJar, Key, SameSite};
use oxhttp::model::HeaderMap;
use oxhttp::model::header::COOKIE;
use std::time::SystemTime;

/// What the cookie looks like. A browser drops a cookie only if name, path and domain are those it was set with, so there is
/// one place that knows them.
pub struct SessionCookie {
    pub name: &'static str,
    pub path: &'static str,
    /// None = this host alone, no subdomains.
    pub domain: Option<&'static str>,
    /// Sent over TLS only.
    pub secure: bool,
    /// Kept from scripts, and so from most of what a cross-site script can do.
    pub http_only: bool,
    /// Lax: not sent along with another site's POST, but with a link to here.
    pub same_site: SameSite,
    /// Signs the id. The id alone is unguessable; the signature turns made-up cookies away before they cost a query.
    pub key: Key,
}

impl SessionCookie {
    /// `secure` is right wherever there is TLS. Browsers take the prefix `__Host-` only with `Secure`, with `Path=/` and without
    /// `Domain`, which keeps neighbours on subdomains from planting a cookie here.
    pub fn new(key: Key, secure: bool) -> SessionCookie {
        SessionCookie {
            name: if secure { "__Host-session" } else { "session" },
            path: "/",
            domain: None,
            secure,
            http_only: true,
            same_site: SameSite::Lax,
            key,
        }
    }

    /// The session id of a request, or none: without a cookie, or with one that is not ours, a visitor is simply new.
    pub fn id(&self, headers: &HeaderMap) -> Option<SessionId> {
        let jar = CookieJar::new();
        let signed = jar.signed(&self.key);
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| Cookie::split_parse(header.to_owned()))
            .flatten()
            .filter(|cookie| cookie.name() == self.name)
            .find_map(|cookie| signed.verify(cookie)?.value().parse().ok())
    }

    /// `Set-Cookie` for a live session. The browser keeps it as long as the session lasts; to be sent again now and then, since
    /// each use may move the expiry.
    pub fn set<T>(&self, session: &Session<T>) -> String {
        let left = session
            .expires_at()
            .duration_since(SystemTime::now())
            .unwrap_or_default();
        let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
        let mut cookie = self.with_value(session.id().as_cookie_value());
        cookie.set_max_age(Duration::seconds(seconds));
        let mut jar = CookieJar::new();
        jar.signed_mut(&self.key).add(cookie);
        jar.delta().map(ToString::to_string).collect()
    }

    /// `Set-Cookie` that makes the browser drop the cookie.
    pub fn remove(&self) -> String {
        let mut cookie = self.with_value("");
        cookie.make_removal();
        cookie.to_string()
    }

    fn with_value(&self, value: &str) -> Cookie<'static> {
        let mut cookie = Cookie::new(self.name, value.to_owned());
        cookie.set_path(self.path);
        if let Some(domain) = self.domain {
            cookie.set_domain(domain);
        }
        cookie.set_secure(self.secure);
        cookie.set_http_only(self.http_only);
        cookie.set_same_site(self.same_site);
        cookie
    }
}
