//! The result of one call of `prune_sessions`.

use std::time::Duration;

use crate::functions::PruneReply;

/// Batches take a quarter of the time, pauses three quarters.
const PAUSES_PER_BATCH: u32 = 3;
/// A batch that waited for a lock or a connection took longer than its work.
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// The pause while another client prunes.
const BUSY_PAUSE: Duration = Duration::from_millis(250);

/// What one batch of [`prune`](crate::Store::prune) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneBatch {
    busy: bool,
    deleted: u32,
    rescheduled: u32,
    max_rows: u32,
    duration: Duration,
}

impl PruneBatch {
    pub(crate) fn new(reply: &PruneReply, max_rows: u32, duration: Duration) -> PruneBatch {
        PruneBatch {
            busy: reply.busy,
            deleted: reply.deleted,
            rescheduled: reply.rescheduled,
            max_rows,
            duration,
        }
    }

    /// Returns how many rows were deleted: expired sessions, and tombstones whose retention is over.
    #[must_use]
    pub fn deleted(&self) -> u32 {
        self.deleted
    }

    /// Returns how many rows were given a later time to prune, because their session was used after they were due.
    #[must_use]
    pub fn rescheduled(&self) -> u32 {
        self.rescheduled
    }

    /// Returns true if another client was pruning, so that this call did nothing.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// Returns true if nothing is left to prune: the batch was not full and not [busy](PruneBatch::is_busy).
    ///
    /// A batch that deleted no row may still be full of [rescheduled](PruneBatch::rescheduled) rows.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.busy && self.deleted.saturating_add(self.rescheduled) < self.max_rows
    }

    /// Returns how long to pause before the next batch, so that pruning hardly slows down other clients.
    ///
    /// The pause is three times as long as the batch took, and at most one second. After a [busy](PruneBatch::is_busy) batch
    /// it is 250 milliseconds. After a [complete](PruneBatch::is_complete) one it is zero. `docs/performance.md` has the
    /// measurements.
    #[must_use]
    pub fn pause(&self) -> Duration {
        if self.is_complete() {
            Duration::ZERO
        } else if self.busy {
            BUSY_PAUSE
        } else {
            self.duration
                .saturating_mul(PAUSES_PER_BATCH)
                .min(MAX_PAUSE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(busy: bool, deleted: u32, rescheduled: u32) -> PruneBatch {
        PruneBatch {
            busy,
            deleted,
            rescheduled,
            max_rows: 10,
            duration: Duration::from_millis(10),
        }
    }

    #[test]
    fn batch_that_is_not_full_is_complete() {
        assert!(batch(false, 0, 0).is_complete());
        assert!(batch(false, 5, 4).is_complete());
        assert!(!batch(false, 0, 10).is_complete());
        assert!(!batch(false, 10, 0).is_complete());
        assert!(!batch(true, 0, 0).is_complete());
    }

    #[test]
    fn pause_is_three_times_the_batch_up_to_a_second() {
        assert_eq!(batch(false, 5, 4).pause(), Duration::ZERO);
        assert_eq!(batch(false, 10, 0).pause(), Duration::from_millis(30));
        assert_eq!(batch(true, 0, 0).pause(), BUSY_PAUSE);
        let slow = PruneBatch {
            duration: Duration::from_secs(9),
            ..batch(false, 10, 0)
        };
        assert_eq!(slow.pause(), MAX_PAUSE);
    }
}
