use crate::session::end_reason::EndReason;

/// The state of a session, from [`Store::info`](crate::Store::info).
///
/// It is for the application's messages and metrics. Show the visitor no difference between the states that are not live.
/// Otherwise an attacker who tries ids learns which of them once existed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionState {
    /// The session can be loaded.
    Live,
    /// The idle or the absolute timeout has ended. After pruning the session is missing.
    Expired,
    /// The session was ended, and stays so. After an hour (the store's setting `tombstone_retention_seconds`) and pruning it is
    /// missing.
    Ended(EndReason),
    /// There is no such session: it never existed, or it was pruned.
    Missing,
}
