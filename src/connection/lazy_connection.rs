use std::time::Duration;

use tokio_postgres::Row;

use super::backend::sealed::Work;
use super::call_limit::CallLimit;
use super::connector::Connector;
use super::open_connection::{BegunTransaction, OpenConnection};
use super::retry::{Attempt, FailedAttempt};
use crate::error::Error;
use crate::functions::{Call, Reply, SchemaName};

/// A connection of the pool, opened when a call needs it.
///
/// It connects in the caller's thread, so the caller gets the error with its SQLSTATE at once. A broken connection is replaced
/// on the spot: a restart of the server costs each connection one repeated call.
#[derive(Default)]
pub(crate) struct LazyConnection {
    /// Boxed, because the pool moves it under its lock.
    open: Option<Box<OpenConnection>>,
}

impl LazyConnection {
    /// Makes a call, and repeats it as the [retry policy](super::retry) says. `may_have_executed` is true if the call was part of
    /// a group, of which that is unknown.
    pub(crate) fn execute(
        &mut self,
        connector: &Connector,
        schema: &SchemaName,
        call: &Call<'_>,
        may_have_executed: bool,
    ) -> Result<Reply, Error> {
        let mut attempt = Attempt::first(connector.prepares_statements());
        attempt.may_have_executed = may_have_executed;
        let mut limit = CallLimit::new(connector.call_timeout(), call);
        loop {
            let failed = match self.attempt(connector, schema, call, &mut limit) {
                Ok(rows) => return Ok(Reply::repeated(rows, attempt.may_have_executed)),
                Err(failed) => failed,
            };
            if failed.error.is_connection_lost() {
                self.discard();
            }
            attempt = failed.next(call, attempt)?;
        }
    }

    /// Begins a transaction, makes the call in it, and calls `work` with the reply. Replaces a broken connection once, before
    /// `work` begins.
    pub(crate) fn in_transaction<R, E: From<Error>>(
        &mut self,
        connector: &Connector,
        schema: &SchemaName,
        first: &Call<'_>,
        work: impl Work<R, E>,
    ) -> Result<R, E> {
        // A stale prepared statement would abort the transaction, so nothing is prepared.
        let mut attempt = Attempt::first(false);
        let mut limit = CallLimit::new(connector.call_timeout(), first);
        loop {
            let failed = match self.begin(connector, schema, first, &mut limit) {
                Ok((mut transaction, rows)) => {
                    let reply = Reply::repeated(rows, attempt.may_have_executed);
                    // A transaction that is dropped rolls back.
                    let result = {
                        let _in_closure = connector.activity().in_closure();
                        work(&mut transaction, reply)?
                    };
                    transaction.commit()?;
                    return Ok(result);
                }
                Err(failed) => failed,
            };
            if failed.error.is_connection_lost() {
                self.discard();
            }
            attempt = failed.next(first, attempt)?;
        }
    }

    /// Returns true if the next caller finds it connected.
    pub(crate) fn is_usable(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.is_usable())
    }

    /// Returns true if it has been connected for this long.
    pub(crate) fn is_older_than(&self, lifetime: Duration) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.is_older_than(lifetime))
    }

    /// Closes the connection.
    pub(crate) fn discard(&mut self) {
        self.open = None;
    }

    /// Connects, unless it is connected.
    pub(crate) fn connect(&mut self, connector: &Connector) -> Result<(), Error> {
        self.connected(connector).map(drop)
    }

    fn connected(&mut self, connector: &Connector) -> Result<&mut OpenConnection, Error> {
        match &mut self.open {
            Some(open) => Ok(open),
            none => Ok(none.insert(Box::new(OpenConnection::open(connector)?))),
        }
    }

    fn begin(
        &mut self,
        connector: &Connector,
        schema: &SchemaName,
        first: &Call<'_>,
        limit: &mut CallLimit,
    ) -> Result<(BegunTransaction<'_>, Vec<Row>), FailedAttempt> {
        self.connected(connector)
            .map_err(FailedAttempt::before_sending)?
            .begin(schema, first, limit)
    }

    fn attempt(
        &mut self,
        connector: &Connector,
        schema: &SchemaName,
        call: &Call<'_>,
        limit: &mut CallLimit,
    ) -> Result<Vec<Row>, FailedAttempt> {
        self.connected(connector)
            .map_err(FailedAttempt::before_sending)?
            .query(schema, call, limit)
    }
}
