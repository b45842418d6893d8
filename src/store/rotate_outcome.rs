/// What became of a session that was to get a new id: by [`rotate`](crate::Store::rotate), [`login`](crate::Store::login) or
/// [`logout`](crate::Store::logout).
///
/// Neither is an error, so that a transaction of the application's goes on whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a session that is gone has no new id, and nobody was logged in"]
pub enum RotateOutcome {
    /// The session has a new id, which is in the [`Session`](crate::Session): set the cookie.
    Rotated,
    /// There is no live session of the old id: it was ended, it has expired, or another request was faster and gave it a new
    /// id. Nothing was changed.
    Gone,
}
