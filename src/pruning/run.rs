use std::time::SystemTime;

use crate::error::Error;

/// What one round of a [`Pruner`](crate::Pruner) did.
#[derive(Debug)]
pub struct PruneRun {
    pub(crate) deleted: u64,
    pub(crate) rescheduled: u64,
    pub(crate) busy: bool,
    pub(crate) error: Option<Error>,
    pub(crate) ended_at: SystemTime,
}

impl PruneRun {
    /// Rows removed in all.
    #[must_use]
    pub fn deleted(&self) -> u64 {
        self.deleted
    }

    /// Rows filed anew in all, because their session was used since.
    #[must_use]
    pub fn rescheduled(&self) -> u64 {
        self.rescheduled
    }

    /// Whether the round stopped because another client was pruning: nothing is amiss.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// The error that stopped the round. The next one comes later than usual.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// When the round ended, by this computer's clock.
    #[must_use]
    pub fn ended_at(&self) -> SystemTime {
        self.ended_at
    }
}
