/// What a request gets while the database is [unavailable](connect_pg::Error::is_unavailable).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnOutage {
    /// The error, for a response with the status 503.
    #[default]
    Fail,
    /// An anonymous session, for pages that can be shown without one. Its changes are dropped, and no cookie is set. So
    /// the visitor is logged in again when the outage is over. A login, a new id and a logout fail.
    Anonymous,
}
