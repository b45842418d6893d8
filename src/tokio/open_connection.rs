//! An open connection, which a task of its own drives.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Row, Statement};

use crate::connection::{Connector, FailedAttempt};
use crate::error::Error;
use crate::functions::{Call, SchemaName};

/// A connection whose task ends after the last reply once this value is dropped.
pub(super) struct OpenConnection {
    client: Client,
    since: Instant,
    runtime: Handle,
    prepares: bool,
    /// The prepared statements, by the text of their [calls](Call::statement).
    statements: Mutex<Vec<(&'static str, Prepared)>>,
}

/// A statement that one call prepares while the others wait for it.
type Prepared = Arc<OnceCell<Statement>>;

impl OpenConnection {
    pub(super) async fn open(connector: &Connector) -> Result<OpenConnection, Error> {
        let runtime = current_runtime()?;
        let drive = |connection| {
            runtime.spawn(async move {
                // A broken connection shows in its calls.
                let _: Result<(), tokio_postgres::Error> = connection.await;
            });
        };
        let client = connector.connect_async(&drive).await?;
        Ok(OpenConnection {
            client,
            since: Instant::now(),
            prepares: connector.prepares_statements(),
            statements: Mutex::default(),
            runtime,
        })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Returns true unless the connection is known to be broken.
    pub(super) fn is_usable(&self) -> bool {
        !self.client.is_closed()
    }

    /// Returns true if it has been connected for this long.
    pub(super) fn is_older_than(&self, lifetime: Duration) -> bool {
        self.since.elapsed() >= lifetime
    }

    /// Runs `release` when the server has replied to all that was sent, `rollback` included if a transaction may be open.
    /// Its argument is true if the connection is of further use.
    pub(super) fn after_last_reply(
        self: Arc<OpenConnection>,
        rolls_back: bool,
        release: impl FnOnce(Arc<OpenConnection>, bool) + Send + 'static,
    ) {
        let runtime = self.runtime.clone();
        runtime.spawn(async move {
            let replied = if rolls_back {
                self.client.batch_execute("rollback").await
            } else {
                self.client.check_connection().await
            };
            release(self, replied.is_ok());
        });
    }

    /// Makes a call once.
    pub(super) async fn query(
        &self,
        schema: &SchemaName,
        call: &Call<'_>,
    ) -> Result<Vec<Row>, FailedAttempt> {
        if !self.prepares {
            return query_unnamed(&self.client, schema, call)
                .await
                .map_err(FailedAttempt::after_sending);
        }
        let prepared = self.prepared(call);
        let statement = prepared
            .get_or_try_init(|| self.prepare(schema, call))
            .await?;
        let result = self.client.query(statement, &call.values()).await;
        result
            .map_err(FailedAttempt::after_sending)
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

/// Makes a call as an unnamed statement, which works behind a transaction pooler too.
pub(super) async fn query_unnamed(
    client: &Client,
    schema: &SchemaName,
    call: &Call<'_>,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    client
        .query_typed(&call.sql(schema), &call.typed_values())
        .await
}

/// Returns the runtime of the task that calls.
pub(super) fn current_runtime() -> Result<Handle, Error> {
    Handle::try_current().map_err(|_| Error::no_runtime())
}
