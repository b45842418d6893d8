//! The task that prunes at intervals.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use tokio::time::sleep;

use super::backend::Backend;
use super::owned_task::OwnedTask;
use super::store::Store;
use crate::error::Error;
use crate::functions::PruneSessions;
use crate::pruning::{LastRun, PruneBatch, PruneOptions, PruneRun, Schedule};

/// A task that prunes a store until this value is dropped. [`Store::start_pruning`] returns one.
///
/// Dropping it ends the task at once. The server finishes a batch that is under way.
#[must_use = "pruning stops when the pruner is dropped"]
pub struct Pruner {
    last_run: LastRun,
    _task: OwnedTask,
}

impl Store {
    /// Starts a task that prunes until the returned [`Pruner`] is dropped.
    ///
    /// Any number of servers may prune at once: one batch runs at a time, and a pruner that finds another at work leaves the
    /// rest to it.
    ///
    /// Report the errors of runs in [`PruneOptions::on_run`], which runs in the task and should not block. Without that callback,
    /// each is a warning for the crate `log`. [`Pruner::last_run`] and [`Pruner::failures`] show them too.
    ///
    /// # Errors
    ///
    /// Returns an error if an option is invalid, or if called outside of a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use connect_pg::PruneOptions;
    /// use connect_pg::tokio::Store;
    ///
    /// # async fn serve() -> Result<(), connect_pg::Error> {
    /// let store = Store::connect("postgresql://nodepg@localhost/app").await?;
    /// let options = PruneOptions::new().on_run(|run| {
    ///     if let Some(error) = run.error() {
    ///         eprintln!("pruning: {error}");
    ///     }
    /// });
    /// let pruner = store.start_pruning(options)?;
    /// // … serve …
    /// drop(pruner);
    /// # Ok(())
    /// # }
    /// ```
    pub fn start_pruning(&self, options: PruneOptions) -> Result<Pruner, Error> {
        let schedule = Schedule::new(options)?;
        Ok(Pruner {
            last_run: schedule.last_run(),
            _task: OwnedTask::spawn(prune_for_ever(self.clone(), schedule))?,
        })
    }
}

impl<B: Backend> Store<B> {
    /// Prunes one batch: deletes up to `max_rows` rows of sessions that are no longer live, the longest due first.
    ///
    /// `max_rows` is from 1 to 2147483647; 1000 is a good number. Repeat the call until [`PruneBatch::is_complete`], with a
    /// [pause](PruneBatch::pause) each time, or use [`start_pruning`](Store::start_pruning). See
    /// [`Store::prune`](crate::Store::prune).
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): `max_rows` [is invalid](Error::is_invalid_argument).
    pub async fn prune(&self, max_rows: u32) -> Result<PruneBatch, Error> {
        let function = PruneSessions::new(max_rows)?;
        let started = Instant::now();
        let reply = self.call(&function).await?;
        Ok(PruneBatch::new(&reply, max_rows, started.elapsed()))
    }
}

impl Pruner {
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

async fn prune_for_ever(store: Store, mut schedule: Schedule) {
    let mut wait = schedule.first_wait();
    loop {
        sleep(wait).await;
        let batch_size = schedule.batch_size();
        let run = prune_all(&store, batch_size).await;
        wait = schedule.finish(run);
    }
}

/// Prunes batch after batch until nothing is left.
async fn prune_all(store: &Store, batch_size: u32) -> PruneRun {
    let mut run = PruneRun::new();
    while let Some(pause) = run.add(store.prune(batch_size).await) {
        sleep(pause).await;
    }
    run.end()
}
