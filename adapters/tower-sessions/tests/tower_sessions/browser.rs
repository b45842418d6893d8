use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode, header};
use tower::ServiceExt;
use tower_cookies::Cookie;

use crate::route_tests::body_string;

/// A browser with one cookie.
#[derive(Clone)]
pub(crate) struct Browser {
    app: Router,
    pub(crate) cookie: Option<String>,
}

pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
    pub(crate) headers: HeaderMap,
}

impl Browser {
    pub(crate) fn new(app: &Router) -> Browser {
        Browser {
            app: app.clone(),
            cookie: None,
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        let mut request = Request::builder()
            .uri(path)
            .header(header::USER_AGENT, "Tested/1.0")
            // What a visitor says about its address.
            .header("x-forwarded-for", "203.0.113.9");
        if let Some(value) = &self.cookie {
            request = request.header(header::COOKIE, format!("id={value}"));
        }
        let request = request.body(Body::empty()).unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for value in parts.headers.get_all(header::SET_COOKIE) {
            let cookie = Cookie::parse(value.to_str().unwrap()).unwrap();
            assert_eq!(cookie.name(), "id");
            let is_removal = cookie.max_age().is_some_and(time::SignedDuration::is_zero);
            self.cookie = (!is_removal).then(|| cookie.value().to_owned());
        }
        Page {
            status: parts.status,
            text: body_string(body).await,
            headers: parts.headers,
        }
    }

    /// Returns the text of a page that must have status 200.
    #[track_caller]
    pub(crate) fn text(&mut self, path: &str) -> impl Future<Output = String> {
        let path = path.to_owned();
        async move {
            let page = self.get(&path).await;
            assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text);
            page.text
        }
    }
}
