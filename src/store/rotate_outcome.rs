use crate::functions::operations::ChangedId;
use crate::session::Session;

/// The outcome of [`rotate`](crate::Store::rotate), [`login`](crate::Store::login) or [`logout`](crate::Store::logout).
///
/// Neither is an error, so a transaction of the application's goes on in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a session that is gone has no new id, and no user is logged in"]
pub enum RotateOutcome {
    /// The [`Session`] has its new id: set the cookie.
    Rotated,
    /// There is no live session of the old id: it was ended, it has expired, or another request gave it a new id. Nothing was
    /// changed.
    Gone,
}

impl RotateOutcome {
    /// Gives the session its new id.
    pub(crate) fn apply<T>(changed: ChangedId, session: &mut Session<T>) -> RotateOutcome {
        match changed {
            ChangedId::Rotated { id, key, expiry } => {
                session.set_id(id, key, expiry);
                RotateOutcome::Rotated
            }
            ChangedId::Gone => RotateOutcome::Gone,
        }
    }
}
