use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

/// Only files of this site, no inline style or script, no frame around the pages.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page, for browsers and for other clients.
#[derive(Debug, Clone)]
pub struct Page {
    pub(crate) html: String,
    pub(crate) text: String,
}

impl Page {
    /// Returns the response: HTML if the request asks for it, plain text otherwise.
    #[must_use]
    pub fn respond(self, status: StatusCode, request: &HeaderMap) -> Response<String> {
        let is_browser = request.get_all(ACCEPT).iter().any(|accept| {
            accept
                .as_bytes()
                .windows(9)
                .any(|part| part == b"text/html")
        });
        let (body, content_type) = if is_browser {
            (self.html, "text/html; charset=utf-8")
        } else {
            (self.text, "text/plain; charset=utf-8")
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        set(response.headers_mut(), CONTENT_TYPE, content_type);
        set(response.headers_mut(), VARY, "accept, cookie");
        // After the logout, the browser's button "back" must not show the page again.
        set(response.headers_mut(), CACHE_CONTROL, "no-store");
        secure(response.headers_mut());
        response
    }
}

/// Redirects with 303: the browser continues with a GET, so a reload does not send the form again.
#[must_use]
pub fn see_other(location: &'static str) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    set(response.headers_mut(), LOCATION, location);
    secure(response.headers_mut());
    response
}

/// Returns text of this type, which nothing stores.
pub(crate) fn text(body: String, content_type: &'static str) -> Response<String> {
    let mut response = Response::new(body);
    set(response.headers_mut(), CONTENT_TYPE, content_type);
    set(response.headers_mut(), CACHE_CONTROL, "no-store");
    response
}

/// Sets the headers that limit what a page can do.
pub(crate) fn secure(headers: &mut HeaderMap) {
    set(headers, CONTENT_SECURITY_POLICY, POLICY);
    set(headers, REFERRER_POLICY, "same-origin");
    set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
}

pub(crate) fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}
