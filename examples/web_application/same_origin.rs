//! Against cross-site request forgery: another site's page must not log our visitor in or out.

use oxhttp::model::HeaderMap;
use oxhttp::model::header::{HOST, ORIGIN};

/// Whether a browser says that a page of another origin made it send this request. To be asked of everything but GET.
///
/// `SameSite=Lax` stops most of these already; this stops the rest, a subdomain's page for one. Browsers set both headers
/// themselves, no page can: `Sec-Fetch-Site` where the connection is trustworthy (TLS, localhost), `Origin` with every POST.
/// What sends neither is no browser and has nobody's cookies to misuse. A proxy before us must pass `Host` on unchanged.
///
/// See the OWASP cheat sheet "Cross-Site Request Forgery Prevention", sections "Fetch Metadata headers" and "Using standard
/// headers to verify origin".
pub fn is_cross_origin(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        // "none": the visitor did it, by a bookmark or the address bar.
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    // "null" is what a sandboxed frame sends: it has no "://", so it is refused.
    let Some((_, origin)) = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
    else {
        return true;
    };
    // The scheme is left out: behind a proxy that ends TLS we do not know ours.
    !headers
        .get(HOST)
        .is_some_and(|host| host.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
}
