//! Prevents cross-site request forgery: a page of another site must not log a visitor in or out.

use oxhttp::model::HeaderMap;
use oxhttp::model::header::{HOST, ORIGIN};

/// Returns true if the browser reports that a page of another origin sent this request. Check everything except GET.
///
/// `SameSite=Lax` stops most of these requests. This stops the others, such as those of a page on a subdomain. Browsers set both
/// headers, and pages cannot: `Sec-Fetch-Site` on trustworthy connections (TLS, localhost), `Origin` with every POST. A client
/// that sends neither is not a browser and has no visitor's cookies. A proxy in front must keep `Host` unchanged.
///
/// See the OWASP cheat sheet "Cross-Site Request Forgery Prevention", sections "Fetch Metadata headers" and "Using standard
/// headers to verify origin".
pub fn is_cross_origin(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        // "none": the visitor used a bookmark or the address bar.
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    // A sandboxed frame sends "null". It has no "://", so it counts as another origin.
    let Some((_, origin)) = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
    else {
        return true;
    };
    // Ignores the scheme: behind a proxy that terminates TLS it is unknown here.
    !headers
        .get(HOST)
        .is_some_and(|host| host.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
}
