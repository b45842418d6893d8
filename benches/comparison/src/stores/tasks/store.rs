//! What an asynchronous store must do to be compared.

use std::future::Future;

use anyhow::Result;

use crate::measure::job::Job;
use crate::measure::workload::Workload;
use crate::server::postgres::Relation;

/// A store whose clients are tasks.
pub trait TaskStore: Sync {
    type Client: TaskClient;

    /// Returns the name of the store in tables.
    fn name(&self) -> &'static str;

    /// Returns true if the store can do the workload.
    fn supports(&self, workload: Workload) -> bool {
        matches!(
            workload,
            Workload::Load | Workload::Rolling | Workload::Save
        )
    }

    /// Prepares a run. This is not measured.
    fn prepare(&self, _: &Job) -> Result<()> {
        Ok(())
    }

    /// Returns the store's table; `None` if the store is not in PostgreSQL.
    fn relation(&self) -> Option<Relation>;

    /// Returns the server's process id. Its child processes count as well.
    fn server_process(&self) -> u32;

    /// Connects so many clients.
    fn connect(&self, clients: u32) -> impl Future<Output = Result<Vec<Self::Client>>>;
}

/// One client. Each call is the work of one request, from the text of a cookie to the application's own type.
pub trait TaskClient: Send + 'static {
    /// Reads a session.
    fn load(&mut self, id: &str) -> impl Future<Output = Result<()>> + Send;

    /// Reads a session and slides its expiry.
    fn rolling(&mut self, id: &str) -> impl Future<Output = Result<()>> + Send;

    /// Loads a session to be saved later. Not measured.
    fn keep(&mut self, id: &str) -> impl Future<Output = Result<()>> + Send;

    /// Changes and saves the `n`th kept session.
    fn save(&mut self, n: usize) -> impl Future<Output = Result<()>> + Send;
}
