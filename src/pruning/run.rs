//! The result of one run of a pruner.

use std::time::SystemTime;

use crate::error::Error;

/// What one run of a [`Pruner`](crate::Pruner) did.
#[derive(Debug)]
pub struct PruneRun {
    pub(super) deleted: u64,
    pub(super) rescheduled: u64,
    pub(super) busy: bool,
    pub(super) error: Option<Error>,
    pub(super) ended_at: SystemTime,
}

impl PruneRun {
    /// Returns how many rows all batches of the run deleted.
    #[must_use]
    pub fn deleted(&self) -> u64 {
        self.deleted
    }

    /// Returns how many rows were given a later time to prune, because their session was used after they were due.
    #[must_use]
    pub fn rescheduled(&self) -> u64 {
        self.rescheduled
    }

    /// Returns true if the run stopped because another client was pruning. That is no error.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// Returns the error that stopped the run, if one did. The next run starts later than usual.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// Returns when the run ended, by the clock of this computer.
    #[must_use]
    pub fn ended_at(&self) -> SystemTime {
        self.ended_at
    }
}
