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
