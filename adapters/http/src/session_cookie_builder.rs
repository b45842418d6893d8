use std::error::Error as StdError;
use std::fmt;

use cookie::SameSite;

use crate::cookie_lifetime::CookieLifetime;
use crate::key_ring::KeyRing;
use crate::session_cookie::{Attributes, SessionCookie};

/// Describes a [`SessionCookie`]. From [`SessionCookie::builder`].
///
/// ```
/// use connect_pg_http::{CookieLifetime, KeyRing, SessionCookie};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let keys = KeyRing::new(&[7; 64])?;
/// let cookie = SessionCookie::builder(keys).lifetime(CookieLifetime::Browser).build()?;
/// assert_eq!(cookie.name(), "__Host-session");
///
/// // During development, without TLS:
/// # let keys = KeyRing::new(&[7; 64])?;
/// let cookie = SessionCookie::builder(keys).secure(false).build()?;
/// assert_eq!(cookie.name(), "session");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct SessionCookieBuilder {
    keys: KeyRing,
    name: Option<String>,
    path: String,
    domain: Option<String>,
    secure: bool,
    http_only: bool,
    same_site: SameSite,
    lifetime: CookieLifetime,
}

impl SessionCookieBuilder {
    pub(crate) fn new(keys: KeyRing) -> SessionCookieBuilder {
        SessionCookieBuilder {
            keys,
            name: None,
            path: "/".to_owned(),
            domain: None,
            secure: true,
            http_only: true,
            same_site: SameSite::Lax,
            lifetime: CookieLifetime::default(),
        }
    }

    /// Sets the name. Default: `__Host-session`, or `session` with [`secure(false)`](SessionCookieBuilder::secure).
    ///
    /// A browser accepts the prefix `__Host-` only with `Secure`, with `Path=/` and without `Domain`. So no page of a
    /// subdomain and no network without TLS can set such a cookie ([RFC 6265bis, "Cookie Name Prefixes"][prefixes]).
    ///
    /// [prefixes]: https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-cookie-name-prefixes
    pub fn name(mut self, name: impl Into<String>) -> SessionCookieBuilder {
        self.name = Some(name.into());
        self
    }

    /// Sets whether the browser sends the cookie over TLS only. Default: true.
    ///
    /// Only a site for development is without TLS. A proxy that terminates TLS is no reason: the browser's connection counts.
    pub fn secure(mut self, secure: bool) -> SessionCookieBuilder {
        self.secure = secure;
        self
    }

    /// Sets whether the cookie is hidden from scripts. Default: true.
    pub fn http_only(mut self, http_only: bool) -> SessionCookieBuilder {
        self.http_only = http_only;
        self
    }

    /// Sets which requests of other sites the cookie is sent with. Default: `Lax`, for links to this site only.
    pub fn same_site(mut self, same_site: SameSite) -> SessionCookieBuilder {
        self.same_site = same_site;
        self
    }

    /// Sets the path below which the cookie is sent. Default: `/`. It protects from nothing: pages of one host read each other's
    /// content.
    pub fn path(mut self, path: impl Into<String>) -> SessionCookieBuilder {
        self.path = path.into();
        self
    }

    /// Sets the domain whose hosts share the cookie. Default: none, which is this host alone.
    ///
    /// It needs a [name](SessionCookieBuilder::name) without `__Host-`, such as `__Secure-session`. Every host of the domain then
    /// receives the cookie, and can set another one in its place.
    pub fn domain(mut self, domain: impl Into<String>) -> SessionCookieBuilder {
        self.domain = Some(domain.into());
        self
    }

    /// Sets how long the browser keeps the cookie, unless [a request says otherwise](crate::RequestSession::set_lifetime). Default:
    /// as long as the session.
    pub fn lifetime(mut self, lifetime: CookieLifetime) -> SessionCookieBuilder {
        self.lifetime = lifetime;
        self
    }

    /// Checks the attributes.
    ///
    /// # Errors
    ///
    /// Returns an error if a browser would refuse the cookie, or a header could not hold it.
    pub fn build(self) -> Result<SessionCookie, InvalidCookie> {
        let default_name = if self.secure {
            "__Host-session"
        } else {
            "session"
        };
        let name = self.name.unwrap_or_else(|| default_name.to_owned());
        if name.is_empty() || name.len() > 128 || !name.bytes().all(is_token) {
            return Err(InvalidCookie("the name of a cookie is a token of RFC 9110"));
        }
        if !self.path.starts_with('/') || !self.path.bytes().all(is_path) {
            return Err(InvalidCookie(
                "the path of a cookie begins with / and has no semicolon, space or control character",
            ));
        }
        if let Some(domain) = &self.domain
            && !is_domain(domain)
        {
            return Err(InvalidCookie(
                "the domain of a cookie is a name such as shop.example",
            ));
        }
        // Browsers compare the prefixes without regard to case.
        let has_prefix = |prefix: &str| {
            name.get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        if has_prefix("__Host-") && (!self.secure || self.domain.is_some() || self.path != "/") {
            return Err(InvalidCookie(
                "a name with __Host- needs Secure, the path / and no domain; hint: name(\"__Secure-session\")",
            ));
        }
        if has_prefix("__Secure-") && !self.secure {
            return Err(InvalidCookie("a name with __Secure- needs Secure"));
        }
        if self.same_site == SameSite::None && !self.secure {
            return Err(InvalidCookie("SameSite=None needs Secure"));
        }
        Ok(SessionCookie::new(Attributes {
            keys: self.keys.for_cookie(&name),
            name,
            path: self.path,
            domain: self.domain,
            secure: self.secure,
            http_only: self.http_only,
            same_site: self.same_site,
            lifetime: self.lifetime,
        }))
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_path(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b';'
}

fn is_domain(domain: &str) -> bool {
    domain.len() <= 253
        && domain.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

/// The error of a cookie that a browser would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidCookie(&'static str);

impl fmt::Display for InvalidCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl StdError for InvalidCookie {}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder() -> SessionCookieBuilder {
        SessionCookie::builder(KeyRing::new(&[7; 64]).unwrap())
    }

    #[test]
    fn name_follows_tls_and_can_be_set() {
        for (builder, name) in [
            (builder(), "__Host-session"),
            (builder().secure(false), "session"),
            (builder().name("id"), "id"),
            (
                builder().name("__Secure-id").domain("shop.example"),
                "__Secure-id",
            ),
            (builder().name("id").path("/shop"), "id"),
            (builder().same_site(SameSite::None), "__Host-session"),
        ] {
            assert_eq!(builder.build().unwrap().name(), name);
        }
    }

    #[test]
    fn cookie_that_browsers_refuse_is_refused() {
        for (builder, words) in [
            (builder().domain("shop.example"), "no domain"),
            (builder().path("/shop"), "the path /"),
            (
                builder().name("__HOST-id").secure(false),
                "__Host- needs Secure",
            ),
            (
                builder().name("__secure-id").secure(false),
                "__Secure- needs Secure",
            ),
            (
                builder().secure(false).same_site(SameSite::None),
                "SameSite=None needs Secure",
            ),
            (builder().name(""), "the name"),
            (builder().name("a b"), "the name"),
            (builder().name("a=b"), "the name"),
            (builder().name("a;b"), "the name"),
            (builder().name("a\r\nX: y"), "the name"),
            (builder().name("é"), "the name"),
            (builder().name("n".repeat(129)), "the name"),
            (builder().name("id").path("shop"), "the path"),
            (builder().name("id").path("/; Domain=x"), "the path"),
            (builder().name("id").path("/\r\n"), "the path"),
            (builder().name("id").domain(""), "the domain"),
            (builder().name("id").domain(".shop.example"), "the domain"),
            (
                builder().name("id").domain("a; Path=/x.example"),
                "the domain",
            ),
        ] {
            let error = builder.build().unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let secret = b"s3cret--".repeat(8);
        let keys = KeyRing::new(&secret).unwrap();
        let builder = SessionCookie::builder(keys);
        let text = format!("{builder:?} {:?}", builder.clone().build().unwrap());
        assert!(text.contains("keys: 1"), "{text}");
        assert!(!text.contains("115, 51") && !text.contains("s3cret"));
    }
}
