use std::error::Error;
use std::fmt;

/// A text is not a [`SessionId`](crate::SessionId). It comes from a visitor, so it says nothing of the text.
///
/// It becomes an [`Error`](crate::Error) by `?`, one that [`is_malformed_id`](crate::Error::is_malformed_id).
///
/// # Examples
///
/// ```
/// use connect_pg::SessionId;
///
/// /// A cookie that is no session id is one that we did not set: as good as none.
/// fn session_id(cookie: &str) -> Option<SessionId> {
///     cookie.parse().ok()
/// }
///
/// fn insist(cookie: &str) -> Result<SessionId, connect_pg::Error> {
///     Ok(cookie.parse()?)
/// }
///
/// assert!(session_id("nonsense").is_none());
/// assert!(insist("nonsense").unwrap_err().is_malformed_id());
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
        f.write_str("not a session id: 43 characters of base64url without padding are one")
    }
}

impl Error for ParseSessionIdError {}
