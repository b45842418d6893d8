//! The cookie with the session id.

use connect_pg::{Session, SessionId};
use cookie::time::Duration;
use cookie::{Cookie, CookieJar, Key, SameSite};
use oxhttp::model::HeaderMap;
use oxhttp::model::header::COOKIE;

/// The attributes of the cookie. A browser removes a cookie only if name, path and domain are as it was set, so they are in one
/// place.
pub struct SessionCookie {
    pub name: &'static str,
    pub path: &'static str,
    /// None: this host only, no subdomains.
    pub domain: Option<&'static str>,
    /// Sent over TLS only.
    pub secure: bool,
    /// Hidden from scripts, which limits what an injected script can do.
    pub http_only: bool,
    /// Lax: not sent with another site's POST, but with a link to this site.
    pub same_site: SameSite,
    /// Signs the id. The signature rejects forged cookies without a query, and ids that an SQL injection planted.
    pub key: Key,
}

impl SessionCookie {
    /// Creates the attributes; `secure` is for TLS. Browsers accept the prefix `__Host-` only with `Secure`, with `Path=/` and
    /// without `Domain`, so that a page on a subdomain cannot set this cookie.
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

    /// Returns the session id of a request, or None without a valid cookie.
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

    /// Returns `Set-Cookie` for a live session. The cookie expires with the session; send it again from time to time, because
    /// the session's expiry slides.
    pub fn set<T>(&self, session: &Session<T>) -> String {
        let seconds = i64::try_from(session.max_age()).unwrap_or(i64::MAX);
        let mut cookie = self.with_value(session.id().as_cookie_value());
        cookie.set_max_age(Duration::seconds(seconds));
        let mut jar = CookieJar::new();
        jar.signed_mut(&self.key).add(cookie);
        jar.delta().map(ToString::to_string).collect()
    }

    /// Returns `Set-Cookie` that makes the browser remove the cookie.
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
