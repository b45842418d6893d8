use crate::session::EndReason;

/// Where a session stands, from [`Store::info`](crate::Store::info).
///
/// For the application's own messages and metrics. To the visitor, the ways in which a session is not there must look the same:
/// who tries ids at random must not learn which of them once were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// It can be loaded.
    Live,
    /// It was not used for its idle timeout, or its absolute timeout is over. Until it is pruned; then it is missing.
    Expired,
    /// It was ended, and stays so. For an hour (the store's setting `tombstone_retention_seconds`) and until it is pruned; then it is
    /// missing.
    Ended(EndReason),
    /// There is none: it never was, or it was pruned.
    Missing,
}
