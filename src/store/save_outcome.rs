/// What became of a [`save`](crate::Store::save).
///
/// None of the three is an error, so that a transaction of the application's goes on whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "data that met a conflict, or whose session is gone, was not saved"]
pub enum SaveOutcome {
    /// The data is stored, and the time of expiry was moved as by any use.
    Saved,
    /// Another client changed the data since this session was loaded. Nothing was written: load it again and decide, or
    /// let [`update`](crate::Store::update) do so.
    Conflict,
    /// The session was ended or has expired. Nothing was written, and nothing brings it back: a log-out stays a log-out.
    Gone,
}
