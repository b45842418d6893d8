use std::error::Error as StdError;
use std::fmt;

use connect_pg::{Error, ErrorKind};
use http::StatusCode;

/// Why a session could not be loaded or stored. In all cases the response must not change the cookie.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The error of the store.
    Store(Error),
    /// The session was live when the request began, and was ended or got a new id while the request ran. Nothing was stored.
    ///
    /// Send the visitor to the page again, or to the login. The next request finds no session.
    Gone,
}

impl Failure {
    /// Returns the status of a response: 503 for an outage, 409 if the session is gone, limited or locked, 413 if its data is too
    /// large, and 500 otherwise.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Failure::Gone => StatusCode::CONFLICT,
            Failure::Store(error) => match error.kind() {
                ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
                ErrorKind::Conflict | ErrorKind::Locked | ErrorKind::SessionLimit => {
                    StatusCode::CONFLICT
                }
                ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Store(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Store(error) => error.fmt(f),
            Failure::Gone => f.write_str("the session ended while the request was running"),
        }
    }
}

impl StdError for Failure {}
