/// What a request gets that reads its session while the database cannot be reached.
///
/// In no case is the cookie removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnOutage {
    /// The read is an error. A response with status 500 becomes one with 503.
    #[default]
    Error,
    /// The session is empty for this request, as that of a visitor who is not logged in. What the request stores in it is dropped.
    /// It needs [the layer](crate::ConnectPgStore::layer).
    Empty,
}
