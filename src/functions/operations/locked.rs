//! What `with_locked` decides around the application's work.

use crate::error::Error;
use crate::functions::save_session::SaveReply;
use crate::session::{Session, SessionKey};

/// Checks that the work left the locked session in its place.
pub(crate) fn check_same_session<T>(session: &Session<T>, key: SessionKey) -> Result<(), Error> {
    if session.key == key {
        Ok(())
    } else {
        Err(replaced())
    }
}

/// Takes over what the save under the lock returned. Returns false if the session has expired meanwhile.
pub(crate) fn finish_locked<T>(reply: SaveReply, session: &mut Session<T>) -> Result<bool, Error> {
    match reply {
        SaveReply::Saved { version, expiry } => {
            session.set_saved(version, expiry);
            Ok(true)
        }
        SaveReply::Gone => Ok(false),
        SaveReply::Conflict | SaveReply::Same { .. } => Err(replaced()),
    }
}

/// Returns the error of a work that assigned another session, or an older copy, to the locked one.
fn replaced() -> Error {
    Error::argument("the locked session was replaced by another one, or by an older copy")
}
