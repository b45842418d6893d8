//! When a pruner runs, and what its runs did: for a thread or a task.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::options::PruneOptions;
use super::run::PruneRun;
use crate::error::Error;
use crate::functions::PruneSessions;
use crate::runtime::random_delay;
use crate::runtime::worker_thread::run_callback;
use crate::trace;

/// The longest wait after errors, unless the interval is longer.
const MAX_BACK_OFF: Duration = Duration::from_secs(15 * 60);

/// The waits between the runs of a pruner.
pub(crate) struct Schedule {
    options: PruneOptions,
    last_run: LastRun,
}

/// The last run of a pruner that ended.
#[derive(Clone, Default)]
pub(crate) struct LastRun(Arc<Mutex<Ended>>);

#[derive(Default)]
struct Ended {
    run: Option<Arc<PruneRun>>,
    /// How many have failed in a row.
    failures: u32,
}

impl LastRun {
    pub(crate) fn get(&self) -> Option<Arc<PruneRun>> {
        self.lock().run.clone()
    }

    pub(crate) fn failures(&self) -> u32 {
        self.lock().failures
    }

    fn lock(&self) -> MutexGuard<'_, Ended> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Schedule {
    /// Checks the options.
    pub(crate) fn new(options: PruneOptions) -> Result<Schedule, Error> {
        PruneSessions::new(options.batch_size)?;
        if options.interval.is_zero() {
            return Err(Error::argument("the interval of pruning is 0"));
        }
        Ok(Schedule {
            options,
            last_run: LastRun::default(),
        })
    }

    pub(crate) fn batch_size(&self) -> u32 {
        self.options.batch_size
    }

    pub(crate) fn last_run(&self) -> LastRun {
        self.last_run.clone()
    }

    /// Returns the wait before the first run.
    pub(crate) fn first_wait(&self) -> Duration {
        random_delay::up_to(self.options.interval)
    }

    /// Reports a run that has ended. Returns the wait before the next one.
    pub(crate) fn finish(&mut self, run: PruneRun) -> Duration {
        let run = Arc::new(run);
        let failures = {
            let mut ended = self.last_run.lock();
            ended.failures = match run.error() {
                Some(_) => ended.failures.saturating_add(1),
                None => 0,
            };
            ended.run = Some(Arc::clone(&run));
            ended.failures
        };
        let is_traced = run
            .error()
            .is_some_and(|error| trace::pruning_failed(failures, error));
        match (&self.options.on_run, run.error()) {
            (Some(report), _) => run_callback(|| report(&run)),
            (None, Some(error)) if !is_traced => {
                run_callback(|| log::warn!("pruning failed, {failures} times in a row: {error}"));
            }
            (None, _) => {}
        }
        wait_after(self.options.interval, failures)
    }
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
    fn failures_lengthen_the_wait_up_to_15_minutes() {
        assert!(wait_after(MINUTE, 3) >= MINUTE * 6);
        for failures in [4, 7, 31, 32, 33, u32::MAX] {
            let wait = wait_after(MINUTE, failures);
            assert!(
                (675..=1125).contains(&wait.as_secs()),
                "{failures} {wait:?}"
            );
        }
        assert!(wait_after(HOUR * 24, 9) >= HOUR * 18);
    }
}
