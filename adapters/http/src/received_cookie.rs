use connect_pg::SessionId;

/// What a valid cookie says: the session id, and when the cookie expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReceivedCookie {
    pub(crate) id: SessionId,
    /// When the browser removes the cookie, in seconds since 1970 by the clock of the server that set it. None: when it is closed.
    pub(crate) expires_at: Option<u64>,
}

impl ReceivedCookie {
    /// Parses what was signed: the id, and a dot and the time unless the cookie ends with the browser.
    pub(crate) fn parse(signed: &str) -> Option<ReceivedCookie> {
        let (id, expires_at) = match signed.split_once('.') {
            None => (signed, None),
            Some((id, time)) => (id, Some(time.parse().ok()?)),
        };
        let id = id.parse().ok()?;
        Some(ReceivedCookie { id, expires_at })
    }
}
