//! The thread that prunes at intervals.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::options::PruneOptions;
use super::run::PruneRun;
use crate::error::Error;
use crate::functions::PruneSessions;
use crate::runtime::random_delay;
use crate::runtime::worker_thread::{StopSignal, WorkerThread, run_callback};
use crate::store::Store;

/// The longest wait after errors, unless the interval is longer.
const MAX_BACK_OFF: Duration = Duration::from_secs(3600);

/// A thread that prunes a store until this value is dropped. [`Store::start_pruning`] returns one.
///
/// Dropping it waits for the batch that is running, at most 5 seconds. If the server does not answer in that time, the
/// thread ends later by itself. The drop is safe inside an async runtime.
#[must_use = "pruning stops when the pruner is dropped"]
pub struct Pruner {
    last_run: LastRun,
    _thread: WorkerThread,
}

#[derive(Clone, Default)]
struct LastRun(Arc<Mutex<Option<Arc<PruneRun>>>>);

impl LastRun {
    fn lock(&self) -> MutexGuard<'_, Option<Arc<PruneRun>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pruner {
    pub(super) fn start(store: Store, options: PruneOptions) -> Result<Pruner, Error> {
        PruneSessions::new(options.batch_size)?;
        if options.interval.is_zero() {
            return Err(Error::argument("the interval of pruning is 0"));
        }
        let last_run = LastRun::default();
        let thread = WorkerThread::spawn("connect-pg pruner", {
            let last_run = last_run.clone();
            move |stop| prune_until_stopped(&store, &options, &last_run, stop)
        })?;
        Ok(Pruner {
            last_run,
            _thread: thread,
        })
    }

    /// Returns the last run that ended, or None before the first one has ended.
    #[must_use]
    pub fn last_run(&self) -> Option<Arc<PruneRun>> {
        self.last_run.lock().clone()
    }
}

impl fmt::Debug for Pruner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pruner")
            .field("last_run", &self.last_run())
            .finish_non_exhaustive()
    }
}

fn prune_until_stopped(
    store: &Store,
    options: &PruneOptions,
    last_run: &LastRun,
    stop: &StopSignal,
) {
    let mut failures = 0;
    let mut wait = random_delay::up_to(options.interval);
    while !stop.is_set_within(wait) {
        let run = Arc::new(prune_all(store, options.batch_size, stop));
        failures = if run.error.is_some() { failures + 1 } else { 0 };
        if let Some(report) = &options.on_run {
            run_callback(|| report(&run));
        }
        *last_run.lock() = Some(run);
        wait = wait_after(options.interval, failures);
    }
}

/// Prunes batch after batch until nothing is left, or until the thread should stop.
fn prune_all(store: &Store, batch_size: u32, stop: &StopSignal) -> PruneRun {
    let mut run = PruneRun {
        deleted: 0,
        rescheduled: 0,
        busy: false,
        error: None,
        ended_at: SystemTime::UNIX_EPOCH,
    };
    while !stop.is_set() {
        match store.prune(batch_size) {
            Ok(batch) => {
                run.deleted += u64::from(batch.deleted());
                run.rescheduled += u64::from(batch.rescheduled());
                run.busy = batch.is_busy();
                if batch.is_busy() || batch.is_complete() || stop.is_set_within(batch.pause()) {
                    break;
                }
            }
            Err(error) => {
                run.error = Some(error);
                break;
            }
        }
    }
    run.ended_at = SystemTime::now();
    run
}

/// Returns the interval, doubled for each failure in a row up to the maximum, with a random change of a quarter at most.
fn wait_after(interval: Duration, failures: u32) -> Duration {
    let doubled = interval.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
    let wait = doubled.min(MAX_BACK_OFF.max(interval));
    (wait / 4 * 3).saturating_add(random_delay::up_to(wait / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn wait_is_the_interval_plus_or_minus_a_quarter() {
        for _ in 0..1000 {
            let wait = wait_after(Duration::from_secs(100), 0);
            assert!((75..=125).contains(&wait.as_secs()), "{wait:?}");
        }
    }

    #[test]
    fn failures_lengthen_the_wait_up_to_an_hour() {
        assert!(wait_after(MINUTE, 3) >= MINUTE * 6);
        for failures in [7, 31, 32, 33, u32::MAX] {
            let wait = wait_after(MINUTE, failures);
            assert!(
                (2700..=4500).contains(&wait.as_secs()),
                "{failures} {wait:?}"
            );
        }
        assert!(wait_after(HOUR * 24, 9) >= HOUR * 18);
    }
}
