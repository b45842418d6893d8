/// What became of a session that was to get a new id: by [`rotate`](crate::Store::rotate), [`log_in`](crate::Store::log_in) or
/// [`log_out`](crate::Store::log_out).
///
/// Neither is an error, so that a transaction of the application's goes on whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a session that is gone has no new id, and nobody was logged in"]
pub enum Rotated {
    /// The session has a new id, which is in the [`Session`](crate::Session): set the cookie.
    Rotated,
    /// There is no live session of the old id: it was ended, it has expired, or another request was faster and gave it a new
    /// id. Nothing was changed.
    Gone,
}
