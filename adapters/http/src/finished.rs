use http::HeaderMap;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, SET_COOKIE};

/// What a response needs after its session is stored.
#[derive(Debug, Clone)]
#[must_use = "the response has no cookie without it"]
pub struct Finished {
    set_cookie: Option<HeaderValue>,
    is_personal: bool,
}

impl Finished {
    pub(crate) fn new(set_cookie: Option<HeaderValue>, is_personal: bool) -> Finished {
        Finished {
            set_cookie,
            is_personal,
        }
    }

    /// Returns the value of `Set-Cookie`, or None if the browser's cookie stays as it is.
    #[must_use]
    pub fn set_cookie(&self) -> Option<&HeaderValue> {
        self.set_cookie.as_ref()
    }

    /// Adds `Set-Cookie` and `Cache-Control` to the headers of a response.
    ///
    /// With the cookie, `Cache-Control` is `no-store`, whatever it was before. Otherwise a cache could send one visitor's cookie to
    /// others ([OWASP, "Web Content Caching"][owasp]). Without the cookie, the response to a visitor who has a session gets `private`
    /// if it has no `Cache-Control`.
    ///
    /// [owasp]: https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html#web-content-caching
    pub fn apply(self, headers: &mut HeaderMap) {
        if let Some(cookie) = self.set_cookie {
            headers.append(SET_COOKIE, cookie);
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        } else if self.is_personal {
            headers
                .entry(CACHE_CONTROL)
                .or_insert(HeaderValue::from_static("private"));
        }
    }
}
