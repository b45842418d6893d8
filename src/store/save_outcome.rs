use crate::functions::SaveReply;
use crate::session::Session;

/// The outcome of a [`save`](crate::Store::save).
///
/// None of the three is an error, so a transaction of the application's goes on in all cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "data that met a conflict, or whose session is gone, was not saved"]
pub enum SaveOutcome {
    /// The data is stored, and the expiry slides as with any use.
    Saved,
    /// Another client changed the data since this session was loaded. Nothing was written: load it again and decide, or
    /// call [`update`](crate::Store::update).
    Conflict,
    /// The session was ended or has expired. Nothing was written, and nothing brings the session back.
    Gone,
}

impl SaveOutcome {
    /// Gives the session the version and the expiry of what was saved.
    pub(crate) fn apply<T>(reply: SaveReply, session: &mut Session<T>) -> SaveOutcome {
        match reply {
            SaveReply::Saved { version, expiry }
            | SaveReply::Same {
                version,
                expiry,
                repeated: true,
            } => {
                session.set_saved(version, expiry);
                SaveOutcome::Saved
            }
            SaveReply::Conflict | SaveReply::Same { .. } => SaveOutcome::Conflict,
            SaveReply::Gone => SaveOutcome::Gone,
        }
    }
}
