use std::fmt;
use std::time::Duration;

use crate::pruning::PruneRun;

/// How a [`Pruner`](crate::Pruner) works.
pub struct PruneOptions {
    pub(crate) interval: Duration,
    pub(crate) batch: u32,
    pub(crate) on_round: Option<OnRound>,
}

type OnRound = Box<dyn Fn(&PruneRun) + Send>;

impl PruneOptions {
    /// The defaults: a round every 5 minutes, in batches of 1000 rows.
    #[must_use]
    pub fn new() -> PruneOptions {
        PruneOptions {
            interval: Duration::from_secs(5 * 60),
            batch: 1000,
            on_round: None,
        }
    }

    /// The time between two rounds, more than zero. Default: 5 minutes.
    ///
    /// Each wait is up to a quarter shorter or longer at random, and the first one is anything up to the interval, so that
    /// servers that start together do not prune together. After an error the wait doubles with each round that fails, up to an
    /// hour (or the interval, if that is longer).
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> PruneOptions {
        self.interval = interval;
        self
    }

    /// The rows of one batch, from 1 to 2147483647. Default: 1000. A round is as many batches as there is to prune, with a
    /// [rest](crate::PruneBatch::rest) after each but the last.
    #[must_use]
    pub fn batch(mut self, rows: u32) -> PruneOptions {
        self.batch = rows;
        self
    }

    /// Called at the end of each round, on the pruner's thread: for a log or a metric. Default: nothing, so that an
    /// [error](PruneRun::error) shows only in [`Pruner::last_round`](crate::Pruner::last_round).
    #[must_use]
    pub fn on_round(mut self, report: impl Fn(&PruneRun) + Send + 'static) -> PruneOptions {
        self.on_round = Some(Box::new(report));
        self
    }
}

impl Default for PruneOptions {
    fn default() -> PruneOptions {
        PruneOptions::new()
    }
}

impl fmt::Debug for PruneOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PruneOptions")
            .field("interval", &self.interval)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}
