use http::header::RETRY_AFTER;
use http::{HeaderMap, Response, StatusCode};

use crate::page::set;
use crate::pages::message;

/// The largest body of a request, in bytes. A form needs less.
pub const MAX_BODY: u16 = 8 * 1024;

/// The reason why a request gets no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    sentence: &'static str,
}

impl Refusal {
    pub(crate) const NO_USER: Refusal = Refusal {
        status: StatusCode::BAD_REQUEST,
        sentence: "The form field user must hold 1 to 64 characters.",
    };
    pub(crate) const NO_DEVICE: Refusal = Refusal {
        status: StatusCode::BAD_REQUEST,
        sentence: "The form field handle must name a device.",
    };
    pub(crate) const NO_TIME: Refusal = Refusal {
        status: StatusCode::BAD_REQUEST,
        sentence: "The parameter milliseconds must be a number from 0 to 60000.",
    };

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the page.
    #[must_use]
    pub fn respond(self, request: &HeaderMap) -> Response<String> {
        let title = match self.status {
            StatusCode::SERVICE_UNAVAILABLE => "One moment",
            status if status.is_server_error() => "That failed",
            _ => "Refused",
        };
        let mut response = message(title, self.sentence).respond(self.status, request);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            set(response.headers_mut(), RETRY_AFTER, "1");
        }
        response
    }
}

/// The reason that a status gives by itself.
impl From<StatusCode> for Refusal {
    fn from(status: StatusCode) -> Refusal {
        let sentence = match status {
            // An outage is not a logout: the cookie stays, and works again when the database does.
            StatusCode::SERVICE_UNAVAILABLE => {
                "The session store is unavailable. You stay logged in; please try again."
            }
            StatusCode::FORBIDDEN => "The request came from another site.",
            StatusCode::NOT_FOUND => "This page does not exist.",
            StatusCode::METHOD_NOT_ALLOWED => "The page does not support this method.",
            StatusCode::PAYLOAD_TOO_LARGE => "The body of the request is too large.",
            status if status.is_server_error() => {
                "The server has an internal error. You stay logged in."
            }
            _ => "The request is invalid.",
        };
        Refusal { status, sentence }
    }
}
