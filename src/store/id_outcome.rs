use crate::error::Error;
use crate::functions::ChangeIdReply;

/// The outcome of [`rotate_id`](crate::Store::rotate_id), [`login_id`](crate::Store::login_id) or
/// [`logout_id`](crate::Store::logout_id).
///
/// None of the three is an error, so a transaction of the application's goes on in all cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "only on Changed has the session the new id"]
pub enum IdOutcome {
    /// The session has the new id.
    Changed,
    /// There is no live session of the old id. Nothing was changed.
    Gone,
    /// The new id is in use. Nothing was changed: choose another one.
    Exists,
}

impl IdOutcome {
    pub(crate) fn new(reply: ChangeIdReply) -> Result<IdOutcome, Error> {
        match reply {
            ChangeIdReply::Rotated { .. } => Ok(IdOutcome::Changed),
            ChangeIdReply::Gone => Ok(IdOutcome::Gone),
            ChangeIdReply::Exists => Ok(IdOutcome::Exists),
            ChangeIdReply::LimitReached => Err(Error::session_limit()),
        }
    }
}
