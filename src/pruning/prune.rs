//! The methods of a store that prune.

use std::time::Instant;

use super::batch::PruneBatch;
use super::options::PruneOptions;
use super::pruner::Pruner;
use crate::connection::Backend;
use crate::error::Error;
use crate::functions::PruneSessions;
use crate::store::Store;

impl Store {
    /// Starts a thread that prunes until the returned [`Pruner`] is dropped.
    ///
    /// Any number of servers may prune at once: one batch runs at a time, and a pruner that finds another at work leaves the
    /// rest to it. This call and the drop are safe inside an async runtime.
    ///
    /// Report the errors of runs in [`PruneOptions::on_run`]. Without that callback, each is a warning for the crate `log`.
    /// [`Pruner::last_run`] and [`Pruner::failures`] show them too.
    ///
    /// # Errors
    ///
    /// Returns an error if an option is invalid, or if the operating system refuses a thread.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use connect_pg::{PruneOptions, Store};
    ///
    /// # fn main() -> Result<(), connect_pg::Error> {
    /// let store = Store::connect("postgresql://nodepg@localhost/app")?;
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
        Pruner::start(self.clone(), options)
    }
}

impl<B: Backend> Store<B> {
    /// Prunes one batch: deletes up to `max_rows` rows of sessions that are no longer live, the longest due first.
    ///
    /// `max_rows` is from 1 to 2147483647; 1000 is a good number. Repeat the call until [`PruneBatch::is_complete`], with a
    /// [pause](PruneBatch::pause) each time, or use [`start_pruning`](Store::start_pruning) or `session-admin prune`. The call
    /// waits for no other client, and no other client waits for it.
    ///
    /// If the pool repeated the call after a connection broke, the result does not count the rows of the first attempt.
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): `max_rows` [is invalid](Error::is_invalid_argument).
    pub fn prune(&self, max_rows: u32) -> Result<PruneBatch, Error> {
        let function = PruneSessions::new(max_rows)?;
        let started = Instant::now();
        let reply = self.call(&function)?;
        Ok(PruneBatch::new(&reply, max_rows, started.elapsed()))
    }
}
