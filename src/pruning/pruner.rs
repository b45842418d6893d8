//! The thread that prunes at intervals.

use std::fmt;
use std::sync::Arc;

use super::options::PruneOptions;
use super::run::PruneRun;
use super::schedule::{LastRun, Schedule};
use crate::error::Error;
use crate::runtime::worker_thread::{StopSignal, WorkerThread};
use crate::store::Store;

/// A thread that prunes a store until this value is dropped. [`Store::start_pruning`] returns one.
///
/// Dropping it does not wait for the server. A batch that is running is finished, and then the thread ends by itself. The drop is
/// safe inside an async runtime.
#[must_use = "pruning stops when the pruner is dropped"]
pub struct Pruner {
    last_run: LastRun,
    _thread: WorkerThread,
}

impl Pruner {
    pub(super) fn start(store: Store, options: PruneOptions) -> Result<Pruner, Error> {
        let schedule = Schedule::new(options)?;
        let last_run = schedule.last_run();
        let thread = WorkerThread::spawn("connect-pg pruner", move |stop| {
            prune_until_stopped(&store, schedule, stop);
        })?;
        Ok(Pruner {
            last_run,
            _thread: thread,
        })
    }

    /// Returns the last run that ended, or None before the first one has ended.
    #[must_use]
    pub fn last_run(&self) -> Option<Arc<PruneRun>> {
        self.last_run.get()
    }

    /// Returns how many runs have failed in a row. 0 if the last one succeeded, or before the first one has ended.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.last_run.failures()
    }
}

impl fmt::Debug for Pruner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pruner")
            .field("last_run", &self.last_run())
            .finish_non_exhaustive()
    }
}

fn prune_until_stopped(store: &Store, mut schedule: Schedule, stop: &StopSignal) {
    let mut wait = schedule.first_wait();
    while !stop.is_set_within(wait) {
        let run = prune_all(store, schedule.batch_size(), stop);
        wait = schedule.finish(run);
    }
}

/// Prunes batch after batch until nothing is left, or until the thread should stop.
fn prune_all(store: &Store, batch_size: u32, stop: &StopSignal) -> PruneRun {
    let mut run = PruneRun::new();
    while let Some(batch) = stop.detached(|| store.prune(batch_size)) {
        let pause = run.add(batch);
        if pause.is_none_or(|pause| stop.is_set_within(pause)) {
            break;
        }
    }
    run.end()
}
