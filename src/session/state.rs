use crate::session::end_reason::EndReason;

/// The state of a session, from [`Store::info`](crate::Store::info).
///
/// It is for the application's messages and metrics. To the visitor, a session that is not live must look the same in every
/// state, so that guessed ids do not show which of them once existed.
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
