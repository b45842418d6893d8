//! What a store must do to be compared.

use anyhow::{Result, bail};

use crate::measure::job::Job;
use crate::measure::measured::Measured;
use crate::measure::payload::Payload;
use crate::measure::workload::Workload;
use crate::server::postgres::Relation;

/// One of the stores that are compared, filled with sessions.
pub trait ComparedStore: Sync {
    /// Returns the name of the store in tables.
    fn name(&self) -> &'static str;

    /// Returns true if the store can do the workload.
    fn supports(&self, workload: Workload) -> bool;

    /// Prepares a run. This is not measured.
    fn prepare(&self, _: &Job) -> Result<()> {
        Ok(())
    }

    /// Runs the workload and measures it.
    fn run(&self, job: &Job) -> Result<Measured>;

    /// Returns the store's table; `None` if the store is not in PostgreSQL.
    fn relation(&self) -> Option<Relation>;
}

/// A store whose clients are threads of this program.
pub trait ThreadedStore: Sync {
    /// Returns the name of the store in tables.
    fn name(&self) -> &'static str;

    /// Returns true if the store can do the workload.
    fn supports(&self, workload: Workload) -> bool;

    /// Prepares a run. This is not measured.
    fn prepare(&self, _: &Job) -> Result<()> {
        Ok(())
    }

    /// Returns the store's table; `None` if the store is not in PostgreSQL.
    fn relation(&self) -> Option<Relation>;

    /// Returns the server's process id. Its child processes count as well.
    fn server_process(&self) -> u32;

    /// Connects so many clients.
    fn connect(&self, clients: u32) -> Result<Vec<Box<dyn StoreClient>>>;
}

/// One client. Each call is the work of one request, from the text of a cookie to the application's own type.
///
/// A client implements the calls of the workloads that its store supports.
pub trait StoreClient: Send {
    /// Reads a session.
    fn load(&mut self, _id: &str) -> Result<()> {
        unsupported()
    }

    /// Reads a session and slides its expiry.
    fn rolling(&mut self, _id: &str) -> Result<()> {
        unsupported()
    }

    /// Loads a session to be saved later. Not measured.
    fn keep(&mut self, _id: &str) -> Result<()> {
        unsupported()
    }

    /// Changes and saves the `n`th kept session.
    fn save(&mut self, _n: usize) -> Result<()> {
        unsupported()
    }

    /// Loads, changes and saves a session.
    fn change(&mut self, _id: &str) -> Result<()> {
        unsupported()
    }

    /// Creates a session and returns its id.
    fn create(&mut self, _payload: &Payload) -> Result<String> {
        unsupported()
    }

    /// Gives a session a new id and a user, and returns the new id.
    fn login(&mut self, _id: &str, _user: &str) -> Result<String> {
        unsupported()
    }

    /// Ends a session.
    fn end(&mut self, _id: &str) -> Result<()> {
        unsupported()
    }

    /// Lists a user's live sessions and returns their number.
    fn user_sessions(&mut self, _user: &str) -> Result<usize> {
        unsupported()
    }
}

fn unsupported<T>() -> Result<T> {
    bail!("the store does not support this call")
}

/// Returns the session that a store has read.
pub fn live<T>(session: Option<T>) -> Result<T> {
    match session {
        Some(session) => Ok(session),
        None => bail!("there is no such live session"),
    }
}
