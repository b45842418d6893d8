//! What a listener receives.

use super::session_ended::SessionEnded;

/// What a [`SessionListener`](crate::SessionListener) receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// A session has ended, or all sessions have.
    Ended(SessionEnded),
    /// The connection was lost, or the store notifies on another channel now. The listener receives events again, but events in
    /// between may have been lost. Check each session that matters with [`Store::info`](crate::Store::info) or
    /// [`Store::peek`](crate::Store::peek).
    Lagged,
}
