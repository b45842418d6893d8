use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::page::{secure, set};

/// Returns the style sheet, the script or the icon, if the path is that of one.
#[must_use]
pub fn asset(path: &str) -> Option<Response<String>> {
    let (text, content_type) = match path {
        "/style.css" => (include_str!("style.css"), "text/css; charset=utf-8"),
        "/script.js" => (include_str!("script.js"), "text/javascript; charset=utf-8"),
        "/icon.svg" => (include_str!("icon.svg"), "image/svg+xml"),
        _ => return None,
    };
    let mut response = Response::new(text.to_owned());
    set(response.headers_mut(), CONTENT_TYPE, content_type);
    set(response.headers_mut(), CACHE_CONTROL, "public, max-age=600");
    secure(response.headers_mut());
    Some(response)
}
