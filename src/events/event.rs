use crate::events::SessionEnded;

/// What an [`SessionListener`](crate::SessionListener) hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// A session has ended, or all of them have.
    Ended(SessionEnded),
    /// The connection was lost, or the store has another channel now, and from here on the listener hears again. What ended
    /// meanwhile was missed: look at each session that matters, by [`Store::info`](crate::Store::info) or
    /// [`Store::peek`](crate::Store::peek).
    Missed,
}
