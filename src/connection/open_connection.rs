//! An open connection of the pool of a synchronous store.

use std::time::{Duration, Instant};

use tokio_postgres::{Row, Statement};

use super::backend::sealed::OpenTransaction;
use super::blocking_client::BlockingClient;
use super::call_limit::CallLimit;
use super::connector::{Connector, Statements};
use super::retry::{FailedAttempt, final_failure};
use super::server_session::ServerSession;
use super::unnamed::query_unnamed;
use crate::error::Error;
use crate::functions::{Call, Reply, SchemaName};

pub(super) struct OpenConnection {
    client: BlockingClient,
    session: ServerSession,
    since: Instant,
    sent_as: Statements,
    /// The prepared statements, by the text of their [calls](Call::statement).
    statements: Vec<(&'static str, Statement)>,
}

impl OpenConnection {
    pub(super) fn open(connector: &Connector) -> Result<OpenConnection, Error> {
        let (client, session) = BlockingClient::connect(connector)?;
        Ok(OpenConnection {
            client,
            session,
            since: Instant::now(),
            sent_as: connector.statements_on(session),
            statements: Vec::new(),
        })
    }

    /// Returns true unless the connection is known to be broken.
    pub(super) fn is_usable(&self) -> bool {
        !self.client.is_closed()
    }

    /// Returns true if it has been connected for this long.
    pub(super) fn is_older_than(&self, lifetime: Duration) -> bool {
        self.since.elapsed() >= lifetime
    }

    /// Makes a call once.
    pub(super) fn query(
        &mut self,
        schema: &SchemaName,
        call: &Call<'_>,
        limit: &mut CallLimit,
    ) -> Result<Vec<Row>, FailedAttempt> {
        let marked;
        let call = match self.sent_as {
            Statements::Unnamed => return self.query_unnamed(schema, call, limit),
            Statements::Prepared => call,
            Statements::Marked => {
                marked = call.marked(schema);
                &marked
            }
        };
        self.query_prepared(schema, call, limit)
            .inspect_err(|failed| {
                self.sent_as = self.sent_as.after(&failed.error);
            })
    }

    fn query_prepared(
        &mut self,
        schema: &SchemaName,
        call: &Call<'_>,
        limit: &mut CallLimit,
    ) -> Result<Vec<Row>, FailedAttempt> {
        let at = self.prepare(schema, call, limit)?;
        let (statement, values) = (&self.statements[at].1, call.values());
        let result = self
            .client
            .wait(limit.give_up(), |client| client.query(statement, &values))
            .ok_or_else(|| limit.timed_out())?;
        result
            .map_err(|error| FailedAttempt::of_call(error, call))
            .inspect_err(|failed| {
                if failed.error.is_stale_statement() {
                    self.statements.swap_remove(at);
                }
            })
    }

    /// Begins a transaction and makes a call in it.
    pub(super) fn begin(
        &mut self,
        schema: &SchemaName,
        first: &Call<'_>,
        limit: &mut CallLimit,
    ) -> Result<(BegunTransaction<'_>, Vec<Row>), FailedAttempt> {
        let transaction = BegunTransaction {
            connection: self,
            limit: limit.of_calls_that_follow(),
            is_open: true,
        };
        let begin = limit.begin(transaction.connection.session);
        transaction
            .run(&begin, limit)
            .map_err(FailedAttempt::with_nothing_sent)?;
        let rows = transaction.connection.query_unnamed(schema, first, limit)?;
        Ok((transaction, rows))
    }

    fn query_unnamed(
        &self,
        schema: &SchemaName,
        call: &Call<'_>,
        limit: &mut CallLimit,
    ) -> Result<Vec<Row>, FailedAttempt> {
        self.client
            .wait(limit.give_up(), |client| {
                query_unnamed(client, schema, call)
            })
            .ok_or_else(|| limit.timed_out())?
            .map_err(|error| FailedAttempt::of_call(error, call))
    }

    /// Prepares the call's statement, unless that is done. Returns its index.
    fn prepare(
        &mut self,
        schema: &SchemaName,
        call: &Call<'_>,
        limit: &mut CallLimit,
    ) -> Result<usize, FailedAttempt> {
        let prepared = self
            .statements
            .iter()
            .position(|(text, _)| *text == call.statement());
        if let Some(at) = prepared {
            return Ok(at);
        }
        let (sql, types) = (call.sql(schema), call.types());
        let statement = self
            .client
            .wait(limit.give_up(), |client| client.prepare_typed(&sql, &types))
            .ok_or_else(|| limit.timed_out().with_nothing_sent())?
            .map_err(|error| FailedAttempt::before_sending(Error::call(error)))?;
        self.statements.push((call.statement(), statement));
        Ok(self.statements.len() - 1)
    }
}

/// A transaction on a connection of the pool. Dropped, it rolls back.
pub(super) struct BegunTransaction<'a> {
    connection: &'a mut OpenConnection,
    limit: CallLimit,
    is_open: bool,
}

impl BegunTransaction<'_> {
    pub(super) fn commit(mut self) -> Result<(), Error> {
        self.is_open = false;
        let mut limit = self.limit;
        self.run("commit", &mut limit)
            .map_err(|failed| final_failure(failed, true))
    }

    fn run(&self, sql: &str, limit: &mut CallLimit) -> Result<(), FailedAttempt> {
        self.connection
            .client
            .wait(limit.give_up(), |client| client.batch_execute(sql))
            .ok_or_else(|| limit.timed_out())?
            .map_err(FailedAttempt::after_sending)
    }
}

impl OpenTransaction for BegunTransaction<'_> {
    fn execute(&mut self, schema: &SchemaName, call: &Call<'_>) -> Result<Reply, Error> {
        let mut limit = self.limit;
        self.connection
            .query_unnamed(schema, call, &mut limit)
            .map(Reply::new)
            .map_err(|failed| final_failure(failed, call.changes()))
    }
}

impl Drop for BegunTransaction<'_> {
    fn drop(&mut self) {
        if self.is_open && self.connection.is_usable() {
            let mut limit = self.limit;
            // The error that led here says more than one of the rollback. A connection that fails here is replaced.
            let _ = self.run("rollback", &mut limit);
        }
    }
}
