//! Pages for the requests that get none.

use axum::body::HttpBody;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::ALLOW;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use connect_pg_http::is_cross_origin_write;
use example_site::{MAX_BODY, Refusal};

/// The reason why a handler shows no page.
#[derive(Clone)]
pub struct Refused(Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        Refused(refusal)
    }
}

impl From<connect_pg::Error> for Refused {
    fn from(error: connect_pg::Error) -> Refused {
        // No error of the store shows a session id or session data, so the log can contain it.
        tracing::error!(%error, "a call of the store failed");
        Refused(Refusal::from(if error.is_unavailable() {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        }))
    }
}

/// tower-sessions has logged it. After an outage the layer of the store makes a 503 of this.
impl From<tower_sessions::session::Error> for Refused {
    fn from(_: tower_sessions::session::Error) -> Refused {
        Refused(Refusal::from(StatusCode::INTERNAL_SERVER_ERROR))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.0.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Refuses what pages of other sites send and what is too large, and shows a page for each response that is an error. It sets no cookie.
pub async fn show(request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let mut response = if is_cross_origin_write(&request) {
        StatusCode::FORBIDDEN.into_response()
    } else if request.body().size_hint().lower() > u64::from(MAX_BODY) {
        // Announced. A body without a length is measured while it is read.
        StatusCode::PAYLOAD_TOO_LARGE.into_response()
    } else {
        next.run(request).await
    };
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let refusal = match response.extensions_mut().remove::<Refused>() {
        Some(Refused(refusal)) if refusal.status() == status => refusal,
        _ => Refusal::from(status),
    };
    let mut page = refusal.respond(&headers);
    if let Some(allow) = response.headers_mut().remove(ALLOW) {
        page.headers_mut().insert(ALLOW, allow);
    }
    page.into_response()
}
