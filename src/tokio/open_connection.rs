//! An open connection, which a task of its own drives.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::time::{timeout, timeout_at};
use tokio_postgres::{Row, Statement};

use crate::connection::{
    CallLimit, Connector, DrivenClient, FailedAttempt, Statements, query_unnamed,
};
use crate::error::Error;
use crate::functions::{Call, SchemaName};

/// A connection whose task ends after the last reply once this value is dropped.
pub(super) struct OpenConnection {
    client: DrivenClient,
    since: Instant,
    runtime: Handle,
    sent_as: Mutex<Statements>,
    call_timeout: Duration,
    /// The prepared statements, by the text of their [calls](Call::statement).
    statements: Mutex<Vec<(&'static str, Prepared)>>,
}

/// A statement that one call prepares while the others wait for it.
type Prepared = Arc<OnceCell<Statement>>;

impl OpenConnection {
    pub(super) async fn open(connector: &Connector) -> Result<OpenConnection, Error> {
        let runtime = current_runtime()?;
        // Boxed, because the compiler limits the depth of futures in futures, and a caller adds its own.
        let client = Box::pin(connector.open(&runtime)).await?;
        Ok(OpenConnection {
            since: Instant::now(),
            sent_as: Mutex::new(connector.statements_on(client.session())),
            call_timeout: connector.call_timeout(),
            client,
            statements: Mutex::default(),
            runtime,
        })
    }

    /// Returns how long a call waits for the server's reply.
    pub(super) fn call_timeout(&self) -> Duration {
        self.call_timeout
    }

    /// Returns true unless the connection is known to be broken.
    pub(super) fn is_usable(&self) -> bool {
        !self.client.is_closed()
    }

    /// Returns true if it has been connected for this long.
    pub(super) fn is_older_than(&self, lifetime: Duration) -> bool {
        self.since.elapsed() >= lifetime
    }

    /// Runs `release` when the server has replied to all that was sent, `rollback` included if a transaction may be open, or
    /// when it has not replied in the time of a call. Its argument is true if the connection is of further use.
    pub(super) fn after_last_reply(
        self: Arc<OpenConnection>,
        rolls_back: bool,
        release: impl FnOnce(Arc<OpenConnection>, bool) + Send + 'static,
    ) {
        let runtime = self.runtime.clone();
        runtime.spawn(async move {
            let last_reply = async {
                if rolls_back {
                    self.client.batch_execute("rollback").await
                } else {
                    self.client.check_connection().await
                }
            };
            let replied = timeout(self.call_timeout, last_reply).await;
            if replied.is_err() {
                self.client.abandon();
            }
            release(self, matches!(replied, Ok(Ok(()))));
        });
    }

    /// Makes a call once.
    pub(super) async fn query(
        &self,
        schema: &SchemaName,
        call: &Call<'_>,
        limit: &mut CallLimit,
    ) -> Result<Vec<Row>, FailedAttempt> {
        let marked;
        let sent_as = *self.sent_as();
        let call = match sent_as {
            Statements::Unnamed => return self.query_unnamed(schema, call, limit).await,
            Statements::Prepared => call,
            Statements::Marked => {
                marked = call.marked(schema);
                &marked
            }
        };
        let query = self.query_prepared(schema, call);
        self.within(limit, query).await?.inspect_err(|failed| {
            *self.sent_as() = sent_as.after(&failed.error);
        })
    }

    /// Makes a call once, as an unnamed statement.
    pub(super) async fn query_unnamed(
        &self,
        schema: &SchemaName,
        call: &Call<'_>,
        limit: &mut CallLimit,
    ) -> Result<Vec<Row>, FailedAttempt> {
        self.within(limit, query_unnamed(&self.client, schema, call))
            .await?
            .map_err(|error| FailedAttempt::of_call(error, call))
    }

    /// Begins a transaction.
    pub(super) async fn begin(&self, limit: &mut CallLimit) -> Result<(), FailedAttempt> {
        let begin = limit.begin(self.client.session());
        self.run(&begin, limit).await
    }

    /// Runs a statement without parameters.
    pub(super) async fn run(&self, sql: &str, limit: &mut CallLimit) -> Result<(), FailedAttempt> {
        self.within(limit, self.client.batch_execute(sql))
            .await?
            .map_err(FailedAttempt::after_sending)
    }

    /// Waits for the server no longer than the limit. After that, the connection is of no more use to any call.
    async fn within<T>(
        &self,
        limit: &mut CallLimit,
        work: impl Future<Output = T>,
    ) -> Result<T, FailedAttempt> {
        timeout_at(limit.give_up().into(), work).await.map_err(|_| {
            self.client.abandon();
            limit.timed_out()
        })
    }

    async fn query_prepared(
        &self,
        schema: &SchemaName,
        call: &Call<'_>,
    ) -> Result<Vec<Row>, FailedAttempt> {
        let prepared = self.prepared(call);
        let statement = prepared
            .get_or_try_init(|| Box::pin(self.prepare(schema, call)))
            .await?;
        let result = self.client.query(statement, &call.values()).await;
        result
            .map_err(|error| FailedAttempt::of_call(error, call))
            .inspect_err(|failed| {
                if failed.error.is_stale_statement() {
                    self.forget(&prepared);
                }
            })
    }

    async fn prepare(
        &self,
        schema: &SchemaName,
        call: &Call<'_>,
    ) -> Result<Statement, FailedAttempt> {
        self.client
            .prepare_typed(&call.sql(schema), &call.types())
            .await
            .map_err(|error| FailedAttempt::before_sending(Error::call(error)))
    }

    fn sent_as(&self) -> MutexGuard<'_, Statements> {
        self.sent_as.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn prepared(&self, call: &Call<'_>) -> Prepared {
        let mut statements = self.statements();
        let found = statements
            .iter()
            .find(|(text, _)| *text == call.statement());
        if let Some((_, prepared)) = found {
            return Arc::clone(prepared);
        }
        let prepared = Prepared::default();
        statements.push((call.statement(), Arc::clone(&prepared)));
        prepared
    }

    /// Removes a statement, but not the one that another call has prepared in its place.
    fn forget(&self, stale: &Prepared) {
        self.statements()
            .retain(|(_, prepared)| !Arc::ptr_eq(prepared, stale));
    }

    // Nothing panics while it holds the lock.
    fn statements(&self) -> MutexGuard<'_, Vec<(&'static str, Prepared)>> {
        self.statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the runtime of the task that calls.
pub(super) fn current_runtime() -> Result<Handle, Error> {
    Handle::try_current().map_err(|_| Error::no_runtime())
}
