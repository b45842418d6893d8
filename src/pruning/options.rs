//! The options of a pruner.

use std::fmt;
use std::time::Duration;

use super::run::PruneRun;

/// Options of a [`Pruner`](crate::Pruner).
pub struct PruneOptions {
    pub(super) interval: Duration,
    pub(super) batch_size: u32,
    pub(super) on_run: Option<OnRun>,
}

type OnRun = Box<dyn Fn(&PruneRun) + Send>;

impl PruneOptions {
    /// Creates options with the defaults: a run every 5 minutes, in batches of 1000 rows.
    #[must_use]
    pub fn new() -> PruneOptions {
        PruneOptions {
            interval: Duration::from_secs(5 * 60),
            batch_size: 1000,
            on_run: None,
        }
    }

    /// Sets the time between two runs, which must be more than zero. Default: 5 minutes.
    ///
    /// Each wait is up to a quarter shorter or longer at random. The first wait is random, up to the interval, so that
    /// servers that start together do not prune together. Each run that fails doubles the wait, up to 15 minutes (or up to
    /// the interval, if that is longer).
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> PruneOptions {
        self.interval = interval;
        self
    }

    /// Sets the number of rows of one batch, from 1 to 2147483647. Default: 1000.
    ///
    /// A run prunes batch after batch until nothing is left, with a [pause](crate::PruneBatch::pause) after each.
    #[must_use]
    pub fn batch_size(mut self, rows: u32) -> PruneOptions {
        self.batch_size = rows;
        self
    }

    /// Sets a callback for logs and metrics. The pruner's thread calls it at the end of each run. Default: none.
    ///
    /// Without it, an [error](PruneRun::error) is a warning for the crate `log`.
    #[must_use]
    pub fn on_run(mut self, report: impl Fn(&PruneRun) + Send + 'static) -> PruneOptions {
        self.on_run = Some(Box::new(report));
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
            .field("batch_size", &self.batch_size)
            .finish_non_exhaustive()
    }
}
