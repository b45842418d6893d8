use std::error::Error;
use std::fmt;

/// A text is not a [`SessionId`](crate::SessionId). The text comes from a visitor, so the error does not show it.
///
/// It becomes an [`Error`](crate::Error) by `?`, one that [`is_malformed_id`](crate::Error::is_malformed_id).
///
/// # Examples
///
/// ```
/// use connect_pg::SessionId;
///
/// /// A cookie that is no session id is not from this application.
/// fn session_id(cookie: &str) -> Option<SessionId> {
///     cookie.parse().ok()
/// }
///
/// fn required_id(cookie: &str) -> Result<SessionId, connect_pg::Error> {
///     Ok(cookie.parse()?)
/// }
///
/// assert!(session_id("nonsense").is_none());
/// assert!(required_id("nonsense").unwrap_err().is_malformed_id());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseSessionIdError(());

impl ParseSessionIdError {
    pub(crate) fn new() -> ParseSessionIdError {
        ParseSessionIdError(())
    }
}

impl fmt::Display for ParseSessionIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a session id: expected 43 characters of base64url")
    }
}

impl Error for ParseSessionIdError {}
