//! Cross-site request forgery: a page of another site must not change anything in the name of a visitor.

use http::header::{HOST, ORIGIN};
use http::{HeaderValue, Method, Request};

/// Returns true if the browser reports that a page of another origin sent this request. Refuse it with 403.
///
/// The answer is that of the first of these that the request has:
///
/// 1. `Sec-Fetch-Site`: `same-origin`, or `none` for a bookmark or the address bar. Browsers send it on trustworthy
///    connections: TLS, and `localhost`. Pages cannot set it.
/// 2. `Origin`: its host and port are those of `Host`, or of the request's target in HTTP/2. Browsers send it with every POST.
///    The scheme is not compared: behind a proxy that terminates TLS it is unknown here.
/// 3. Neither: the request is not refused. A program that is no browser has no visitor's cookie. Browsers without both are older
///    than 2020. Of them, those that know `SameSite` send no cookie with the POST of another site.
///
/// A proxy in front must leave `Host` unchanged.
///
/// See OWASP, [Cross-Site Request Forgery Prevention][owasp], "Fetch Metadata Headers" and "Using Standard Headers to Verify Origin".
/// `SameSite=Lax` prevents most of this already. It does not prevent requests of a page on another host of the same domain, and
/// not those of another port.
///
/// This asks about any request, the handshake of a web socket for example, which is a GET.
///
/// [owasp]: https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
#[must_use]
pub fn is_cross_origin<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    let mut sites = headers.get_all("sec-fetch-site").iter().peekable();
    if sites.peek().is_some() {
        return sites.any(|site| site != "same-origin" && site != "none");
    }
    let host = headers
        .get(HOST)
        .map(HeaderValue::as_bytes)
        .or_else(|| Some(request.uri().authority()?.as_str().as_bytes()));
    headers.get_all(ORIGIN).iter().any(|origin| {
        // A sandboxed frame sends "null". It has no "://", so it counts as another origin.
        let origin = origin
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://"));
        match (origin, host) {
            (Some((_, origin)), Some(host)) => !host.eq_ignore_ascii_case(origin.as_bytes()),
            _ => true,
        }
    })
}

/// Returns true if a page of another origin sent this request, and its method may change something: any method but GET, HEAD,
/// OPTIONS and TRACE. A link from another site is not refused. So a GET must change nothing.
///
/// ```
/// use connect_pg_http::is_cross_origin_write;
/// use http::Request;
///
/// let forged = Request::post("/logout").header("sec-fetch-site", "cross-site").body(()).unwrap();
/// assert!(is_cross_origin_write(&forged));
/// let link = Request::get("/").header("sec-fetch-site", "cross-site").body(()).unwrap();
/// assert!(!is_cross_origin_write(&link));
/// ```
#[must_use]
pub fn is_cross_origin_write<B>(request: &Request<B>) -> bool {
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE];
    !safe.contains(request.method()) && is_cross_origin(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&'static str, &[u8])]) -> Request<()> {
        let mut request = Request::post("https://shop.example:8443/")
            .body(())
            .unwrap();
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value).unwrap();
            request.headers_mut().append(*name, value);
        }
        request
    }

    const HOST: (&str, &[u8]) = ("host", b"shop.example:8443");

    #[test]
    fn request_of_another_origin_is_found() {
        for headers in [
            &[("sec-fetch-site", b"cross-site".as_slice())][..],
            &[("sec-fetch-site", b"same-site")],
            &[("sec-fetch-site", b"anything")],
            &[("sec-fetch-site", b"")],
            &[
                ("sec-fetch-site", b"cross-site"),
                ("origin", b"https://shop.example:8443"),
                HOST,
            ],
            &[
                ("sec-fetch-site", b"same-origin"),
                ("sec-fetch-site", b"cross-site"),
            ],
            &[("origin", b"https://evil.example"), HOST],
            &[("origin", b"https://evil.example")],
            &[("origin", b"null"), HOST],
            &[("origin", b""), HOST],
            &[("origin", b"\xff"), HOST],
            &[("origin", b"https://shop.example:8443.evil.example"), HOST],
            &[("origin", b"https://shop.example"), HOST],
            &[("origin", b"shop.example:8443"), HOST],
            &[("origin", b"https://evil.example/shop.example:8443"), HOST],
            &[("origin", b"https://user@shop.example:8443"), HOST],
            &[
                ("origin", b"https://shop.example:8443"),
                ("host", b"other.example"),
            ],
            &[
                ("origin", b"https://shop.example:8443"),
                ("origin", b"https://evil.example"),
                HOST,
            ],
        ] {
            assert!(is_cross_origin_write(&request(headers)), "{headers:?}");
        }
    }

    #[test]
    fn request_of_own_origin_or_of_no_browser_is_accepted() {
        for headers in [
            &[("sec-fetch-site", b"same-origin".as_slice())][..],
            &[("sec-fetch-site", b"none"), ("origin", b"null")],
            &[("origin", b"https://shop.example:8443"), HOST],
            &[("origin", b"http://SHOP.example:8443"), HOST],
            // HTTP/2 has no Host.
            &[("origin", b"https://shop.example:8443")],
            &[HOST],
            &[],
        ] {
            assert!(!is_cross_origin_write(&request(headers)), "{headers:?}");
        }
    }

    #[test]
    fn methods_that_change_nothing_are_accepted() {
        for (method, refused) in [
            (Method::GET, false),
            (Method::HEAD, false),
            (Method::OPTIONS, false),
            (Method::TRACE, false),
            (Method::POST, true),
            (Method::PUT, true),
            (Method::PATCH, true),
            (Method::DELETE, true),
            (Method::from_bytes(b"WHATEVER").unwrap(), true),
        ] {
            let mut request = request(&[("sec-fetch-site", b"cross-site")]);
            *request.method_mut() = method;
            assert_eq!(is_cross_origin_write(&request), refused, "{request:?}");
            assert!(is_cross_origin(&request));
        }
    }
}
