use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use connect_pg::{Session, SessionId};
use cookie::time::Duration;
use cookie::{Cookie, CookieJar, Key, SameSite};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::cookie_lifetime::CookieLifetime;
use crate::key_ring::KeyRing;
use crate::received_cookie::ReceivedCookie;
use crate::session_cookie_builder::SessionCookieBuilder;

/// The signature, in base64.
const SIGNATURE_LENGTH: usize = 44;
/// A dot and the digits of a `u64`.
const MAX_TIME_LENGTH: usize = 21;

/// The cookie that holds the session id: how it is set, read and removed.
///
/// A browser removes a cookie only if name, `Path` and `Domain` are as it was set, so they are here in one place. The value is
/// signed ([`KeyRing`]), so a forged id costs no query, and an id that an SQL injection planted is refused.
/// [`builder`](SessionCookie::builder) has the attributes and their defaults.
///
/// `Debug` shows the attributes and no key. A clone shares the keys.
#[derive(Clone)]
pub struct SessionCookie(Arc<Attributes>);

/// See the builder for their meaning. They were checked there.
pub(crate) struct Attributes {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) domain: Option<String>,
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
    pub(crate) same_site: SameSite,
    pub(crate) lifetime: CookieLifetime,
    /// The first one signs.
    pub(crate) keys: Vec<Key>,
}

impl SessionCookie {
    /// Begins to describe a cookie. With these keys and nothing else, it is `__Host-session`, `Secure`, `HttpOnly`, `SameSite=Lax`
    /// and `Path=/`.
    pub fn builder(keys: KeyRing) -> SessionCookieBuilder {
        SessionCookieBuilder::new(keys)
    }

    pub(crate) fn new(attributes: Attributes) -> SessionCookie {
        SessionCookie(Arc::new(attributes))
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the session id of a request, or None without a valid cookie.
    ///
    /// Of several cookies with this name, it takes the first that a key of the ring has signed. A header that is malformed, or has
    /// other cookies with any bytes, does no harm.
    #[must_use]
    pub fn id(&self, headers: &HeaderMap) -> Option<SessionId> {
        self.read(headers).map(|received| received.id)
    }

    pub(crate) fn read(&self, headers: &HeaderMap) -> Option<ReceivedCookie> {
        headers
            .get_all(COOKIE)
            .iter()
            .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|pair| self.value(pair))
            .find_map(|value| self.verify(value))
    }

    /// Returns the value of one cookie of the header, if it has this name and a length that a signed id has.
    fn value<'a>(&self, pair: &'a [u8]) -> Option<&'a str> {
        let pair = pair.trim_ascii().strip_prefix(self.0.name.as_bytes())?;
        let value = pair.strip_prefix(b"=")?;
        let shortest = SIGNATURE_LENGTH + SessionId::LENGTH;
        if !(shortest..=shortest + MAX_TIME_LENGTH).contains(&value.len()) || !value.is_ascii() {
            return None;
        }
        std::str::from_utf8(value).ok()
    }

    fn verify(&self, value: &str) -> Option<ReceivedCookie> {
        let jar = CookieJar::new();
        let verified = self.0.keys.iter().find_map(|key| {
            let cookie = Cookie::new(self.0.name.clone(), value.to_owned());
            jar.signed(key).verify(cookie)
        })?;
        ReceivedCookie::parse(verified.value())
    }

    /// Returns the value of `Set-Cookie` for a live session.
    ///
    /// [`Sessions`](crate::Sessions) does this. For a session that the application made itself.
    #[must_use]
    pub fn set<T>(&self, session: &Session<T>, lifetime: CookieLifetime) -> HeaderValue {
        let mut value = Cow::Borrowed(session.id().as_cookie_value());
        let mut max_age = None;
        if lifetime == CookieLifetime::Session {
            let seconds = session.max_age();
            value = format!("{value}.{}", now().saturating_add(seconds)).into();
            max_age = Some(Duration::seconds(
                i64::try_from(seconds).unwrap_or(i64::MAX),
            ));
        }
        let mut cookie = self.with_value(value.into_owned());
        cookie.set_max_age(max_age);
        let mut jar = CookieJar::new();
        if let Some(key) = self.0.keys.first() {
            jar.signed_mut(key).add(cookie);
        }
        header_value(jar.delta().next())
    }

    /// Returns the value of `Set-Cookie` that makes the browser remove the cookie.
    ///
    /// It has the attributes with which the cookie was set. End the session first: that is what counts.
    #[must_use]
    pub fn removal(&self) -> HeaderValue {
        let mut cookie = self.with_value(String::new());
        cookie.make_removal();
        header_value(Some(&cookie))
    }

    /// Returns how long a cookie lives unless the request says otherwise.
    pub(crate) fn lifetime(&self) -> CookieLifetime {
        self.0.lifetime
    }

    fn with_value(&self, value: String) -> Cookie<'static> {
        let attributes = &self.0;
        let mut cookie = Cookie::new(attributes.name.clone(), value);
        cookie.set_path(attributes.path.clone());
        if let Some(domain) = &attributes.domain {
            cookie.set_domain(domain.clone());
        }
        cookie.set_secure(attributes.secure);
        cookie.set_http_only(attributes.http_only);
        cookie.set_same_site(attributes.same_site);
        cookie
    }
}

impl fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes = &self.0;
        f.debug_struct("SessionCookie")
            .field("name", &attributes.name)
            .field("path", &attributes.path)
            .field("domain", &attributes.domain)
            .field("secure", &attributes.secure)
            .field("http_only", &attributes.http_only)
            .field("same_site", &attributes.same_site)
            .field("lifetime", &attributes.lifetime)
            .field("keys", &attributes.keys.len())
            .finish()
    }
}

/// Returns the time in seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

/// The builder has checked what a header cannot hold, and an id is base64url.
fn header_value(cookie: Option<&Cookie<'_>>) -> HeaderValue {
    cookie
        .and_then(|cookie| HeaderValue::try_from(cookie.to_string()).ok())
        .unwrap_or_else(|| HeaderValue::from_static(""))
}
