use connect_pg::{EndReason, SessionState};
use http::{Response, StatusCode};

use crate::page::text;

/// What a page learns that waits for the end of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// The session has ended.
    Ended,
    /// The session is live. The page asks again.
    Nothing,
    /// The server cannot tell: the store sends no notifications, or too many pages wait. The page asks again much later.
    NoEvents,
}

impl Awaited {
    /// Returns what the state of a session means for its page. After a rotation the browser has another cookie, and asks with it.
    #[must_use]
    pub fn after(state: SessionState) -> Awaited {
        match state {
            SessionState::Live | SessionState::Ended(EndReason::Rotated) => Awaited::Nothing,
            _ => Awaited::Ended,
        }
    }

    /// Returns server-sent events.
    #[must_use]
    pub fn respond(self) -> Response<String> {
        let events = match self {
            Awaited::Ended => "event: ended\ndata:\n\n",
            Awaited::Nothing => "retry: 100\n:\n\n",
            Awaited::NoEvents => {
                let mut response = Response::new(String::new());
                *response.status_mut() = StatusCode::NO_CONTENT;
                return response;
            }
        };
        text(events.to_owned(), "text/event-stream")
    }
}
