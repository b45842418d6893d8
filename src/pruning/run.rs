//! The result of one run of a pruner.

use std::time::{Duration, SystemTime};

use super::batch::PruneBatch;
use crate::error::Error;

/// What one run of a [`Pruner`](crate::Pruner) did.
#[derive(Debug)]
pub struct PruneRun {
    deleted: u64,
    rescheduled: u64,
    busy: bool,
    error: Option<Error>,
    ended_at: SystemTime,
}

impl PruneRun {
    /// Returns a run that has done nothing yet.
    pub(crate) fn new() -> PruneRun {
        PruneRun {
            deleted: 0,
            rescheduled: 0,
            busy: false,
            error: None,
            ended_at: SystemTime::UNIX_EPOCH,
        }
    }

    /// Adds a batch. Returns the pause before the next one, or None if the run is over.
    pub(crate) fn add(&mut self, batch: Result<PruneBatch, Error>) -> Option<Duration> {
        match batch {
            Ok(batch) => {
                self.deleted += u64::from(batch.deleted());
                self.rescheduled += u64::from(batch.rescheduled());
                self.busy = batch.is_busy();
                let is_over = batch.is_busy() || batch.is_complete();
                (!is_over).then(|| batch.pause())
            }
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }

    /// Returns the run, which ends now.
    pub(crate) fn end(mut self) -> PruneRun {
        self.ended_at = SystemTime::now();
        self
    }

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
