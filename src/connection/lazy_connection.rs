use std::mem::ManuallyDrop;
use std::thread;
use std::time::{Duration, Instant};

use postgres::{Client, IsolationLevel, Row, Statement, Transaction};

use super::backend::sealed::Work;
use super::connector::Connector;
use super::retry::{Attempt, Decision, FailedAttempt};
use super::unnamed;
use crate::error::Error;
use crate::functions::{Call, Reply, SchemaName};
use crate::runtime::async_context;

/// A connection of the pool, opened when a call needs it.
///
/// It connects in the caller's thread, so the caller gets the error with its SQLSTATE at once. A broken connection is replaced
/// on the spot: a restart of the server costs each connection one repeated call.
#[derive(Default)]
pub(crate) struct LazyConnection {
    /// Boxed, because the pool moves it under its lock.
    open: Option<Box<OpenConnection>>,
}

struct OpenConnection {
    client: Client,
    since: Instant,
    /// The prepared statements, by the text of their [calls](Call::statement).
    statements: Vec<(&'static str, Statement)>,
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
        loop {
            let failed = match self.attempt(connector, schema, call) {
                Ok(rows) => return Ok(Reply::repeated(rows, attempt.may_have_executed)),
                Err(failed) => failed,
            };
            if failed.error.is_connection_lost() {
                self.discard();
            }
            match failed.decide(call, attempt) {
                Decision::Return { outcome_unknown } => {
                    return Err(failed.into_error(outcome_unknown));
                }
                Decision::Reconnect(next) => attempt = next,
                Decision::PrepareAnew(next) => {
                    self.forget_statement(call);
                    attempt = next;
                }
            }
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
        loop {
            let failed = match self.begin(connector, schema, first) {
                Ok((transaction, rows)) => {
                    let reply = Reply::repeated(rows, attempt.may_have_executed);
                    return unnamed::finish(transaction, reply, work);
                }
                Err(failed) => failed,
            };
            if failed.error.is_connection_lost() {
                self.discard();
            }
            match failed.decide(first, attempt) {
                Decision::Return { outcome_unknown } => {
                    return Err(failed.into_error(outcome_unknown).into());
                }
                Decision::Reconnect(next) | Decision::PrepareAnew(next) => attempt = next,
            }
        }
    }

    /// Returns true if the next caller finds it connected.
    pub(crate) fn is_usable(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| !open.client.is_closed())
    }

    /// Returns true if it has been connected for this long.
    pub(crate) fn is_older_than(&self, lifetime: Duration) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.since.elapsed() >= lifetime)
    }

    /// Closes the connection.
    pub(crate) fn discard(&mut self) {
        if let Some(open) = self.open.take() {
            close_off_runtime(open.client);
        }
    }

    /// Connects, unless it is connected.
    pub(crate) fn connect(&mut self, connector: &Connector) -> Result<(), Error> {
        self.connected(connector).map(drop)
    }

    fn connected(&mut self, connector: &Connector) -> Result<&mut OpenConnection, Error> {
        match &mut self.open {
            Some(open) => Ok(open),
            none => Ok(none.insert(Box::new(OpenConnection {
                client: connector.connect()?,
                since: Instant::now(),
                statements: Vec::new(),
            }))),
        }
    }

    fn attempt(
        &mut self,
        connector: &Connector,
        schema: &SchemaName,
        call: &Call<'_>,
    ) -> Result<Vec<Row>, FailedAttempt> {
        let open = self
            .connected(connector)
            .map_err(FailedAttempt::before_sending)?;
        if connector.prepares_statements() {
            open.query_prepared(schema, call)
        } else {
            unnamed::query(&mut open.client, schema, call).map_err(FailedAttempt::after_sending)
        }
    }

    fn begin(
        &mut self,
        connector: &Connector,
        schema: &SchemaName,
        first: &Call<'_>,
    ) -> Result<(Transaction<'_>, Vec<Row>), FailedAttempt> {
        self.connected(connector)
            .map_err(FailedAttempt::before_sending)?
            .begin(schema, first)
    }

    fn forget_statement(&mut self, call: &Call<'_>) {
        if let Some(open) = &mut self.open {
            open.statements
                .retain(|(text, _)| *text != call.statement());
        }
    }
}

impl OpenConnection {
    fn begin(
        &mut self,
        schema: &SchemaName,
        first: &Call<'_>,
    ) -> Result<(Transaction<'_>, Vec<Row>), FailedAttempt> {
        // Whatever the role's default: after waiting for a lock, the call must see what the lock's holder wrote.
        let mut transaction = self
            .client
            .build_transaction()
            .isolation_level(IsolationLevel::ReadCommitted)
            .start()
            .map_err(|error| FailedAttempt::before_sending(Error::call(error)))?;
        let rows = unnamed::query(&mut transaction, schema, first)
            .map_err(FailedAttempt::after_sending)?;
        Ok((transaction, rows))
    }

    fn query_prepared(
        &mut self,
        schema: &SchemaName,
        call: &Call<'_>,
    ) -> Result<Vec<Row>, FailedAttempt> {
        let at = self.prepare(schema, call)?;
        self.client
            .query(&self.statements[at].1, &call.values())
            .map_err(FailedAttempt::after_sending)
    }

    /// Prepares the call's statement, unless that is done. Returns its index.
    fn prepare(&mut self, schema: &SchemaName, call: &Call<'_>) -> Result<usize, FailedAttempt> {
        let prepared = self
            .statements
            .iter()
            .position(|(text, _)| *text == call.statement());
        if let Some(at) = prepared {
            return Ok(at);
        }
        let statement = self
            .client
            .prepare_typed(&call.sql(schema), &call.types())
            .map_err(|error| FailedAttempt::before_sending(Error::call(error)))?;
        self.statements.push((call.statement(), statement));
        Ok(self.statements.len() - 1)
    }
}

impl Drop for LazyConnection {
    fn drop(&mut self) {
        self.discard();
    }
}

/// Closes a connection, on a thread of its own inside a runtime: a client that is dropped in a task sends a message, waits,
/// and so panics.
pub(crate) fn close_off_runtime(client: Client) {
    if !async_context::in_runtime() {
        drop(client);
        return;
    }
    // Without a thread the connection leaks until the process ends, which is better than a panic.
    let client = ManuallyDrop::new(client);
    let _ = thread::Builder::new()
        .name("connect-pg close".to_owned())
        .spawn(move || drop(ManuallyDrop::into_inner(client)));
}
