use std::time::Duration;

/// Batches take a quarter of the time, rests the others.
const RESTS_PER_BATCH: u32 = 3;
/// A batch that was held up, or waited for a connection, was not work for all that time.
const LONGEST_REST: Duration = Duration::from_secs(1);
/// While another client prunes.
const REST_WHILE_BUSY: Duration = Duration::from_millis(250);

/// What one batch of [`prune`](crate::Store::prune) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneBatch {
    pub(crate) busy: bool,
    pub(crate) deleted: u32,
    pub(crate) rescheduled: u32,
    pub(crate) max_rows: u32,
    pub(crate) took: Duration,
}

impl PruneBatch {
    /// Rows removed: expired sessions, and ended ones whose tombstone time is over.
    #[must_use]
    pub fn deleted(&self) -> u32 {
        self.deleted
    }

    /// Rows looked at and filed anew because their session was used since, so that its expiry has moved.
    #[must_use]
    pub fn rescheduled(&self) -> u32 {
        self.rescheduled
    }

    /// Whether another client was pruning, so that this call did nothing.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// Whether nothing was left to prune: the batch was not full. Not so when it was [busy](PruneBatch::is_busy).
    ///
    /// A batch that deleted nothing is not the last one for that: it may have re-filed all its rows.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.busy && self.deleted.saturating_add(self.rescheduled) < self.max_rows
    }

    /// How long to rest before the next batch, so that the other clients hardly notice: three times as long as this one took,
    /// a second at most; a quarter of a second when it was [busy](PruneBatch::is_busy), and not at all after the [last](PruneBatch::is_complete).
    ///
    /// A pruner that goes on at once has a core for itself, and the disk: on 2 cores, 4 busy clients then saw their slowest hundredth
    /// of calls take 2 to 3 times as long, with these rests 1.4 times (`docs/performance.md`).
    #[must_use]
    pub fn rest(&self) -> Duration {
        if self.is_complete() {
            Duration::ZERO
        } else if self.busy {
            REST_WHILE_BUSY
        } else {
            self.took.saturating_mul(RESTS_PER_BATCH).min(LONGEST_REST)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_batch_is_the_one_that_is_not_full() {
        let batch = |busy, deleted, rescheduled| PruneBatch {
            busy,
            deleted,
            rescheduled,
            max_rows: 10,
            took: Duration::from_millis(10),
        };
        assert!(batch(false, 0, 0).is_complete());
        assert!(batch(false, 5, 4).is_complete());
        assert!(!batch(false, 0, 10).is_complete());
        assert!(!batch(false, 10, 0).is_complete());
        assert!(!batch(true, 0, 0).is_complete());
        assert_eq!(batch(false, 5, 4).rest(), Duration::ZERO);
        assert_eq!(batch(false, 10, 0).rest(), Duration::from_millis(30));
        assert_eq!(batch(true, 0, 0).rest(), REST_WHILE_BUSY);
        let held_up = PruneBatch {
            took: Duration::from_secs(9),
            ..batch(false, 10, 0)
        };
        assert_eq!(held_up.rest(), LONGEST_REST);
    }
}
