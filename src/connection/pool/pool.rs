use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::in_transaction::InTransaction;
use super::options::PoolOptions;
use super::places::{AcquireError, Places, PooledConnection};
use super::queue::Purpose;
use super::status::PoolStatus;
use crate::connection::backend::Backend;
use crate::connection::backend::sealed::{Executor, Work};
use crate::connection::connector::Connector;
use crate::error::Error;
use crate::functions::{Call, Reply, SchemaName};
use crate::runtime::async_context;

/// The connections of a [`Store`](crate::Store) of its own.
///
/// A few are enough, because each call is one round trip: 4 by default. A connection is opened when a call needs it, is
/// never pinged, and is replaced after its [lifetime](crate::StoreBuilder::connection_max_lifetime). If all are in use, a call
/// waits, and the connection that is released next goes to the call that has waited longest. A clone shares the
/// connections. Dropping the last clone closes them, which is safe inside an async runtime too.
#[derive(Clone)]
pub struct Pool {
    places: Arc<Places>,
    connector: Arc<Connector>,
    timeout: Duration,
}

impl Pool {
    /// Returns a pool without an open connection. `timeout` is not 0.
    pub(crate) fn new(connector: Connector, options: PoolOptions, timeout: Duration) -> Pool {
        Pool {
            places: Arc::new(Places::new(options)),
            connector: Arc::new(connector),
            timeout,
        }
    }

    /// Opens one connection, so that a mistake in the settings shows now.
    pub(crate) fn open_one(&self) -> Result<(), Error> {
        async_context::refuse()?;
        self.acquire(Purpose::Prompt, None)?
            .connect(&self.connector)
    }

    /// Returns how connections are made, for one outside of the pool.
    pub(crate) fn connector(&self) -> Arc<Connector> {
        Arc::clone(&self.connector)
    }

    pub(crate) fn status(&self) -> PoolStatus {
        self.places.status()
    }

    pub(crate) fn close(&self) {
        self.places.close();
    }

    fn acquire_for(&self, call: &Call<'_>) -> Result<PooledConnection<'_>, Error> {
        // A call inside a transaction lets that end, and so one more of the calls that may block.
        let purpose = if call.may_block() && !InTransaction::is_on(&self.places) {
            Purpose::Blockable
        } else {
            Purpose::Prompt
        };
        self.acquire(purpose, call.give_up())
    }

    /// Acquires a connection. Waits until `give_up`, or for the pool's timeout.
    fn acquire(
        &self,
        purpose: Purpose,
        give_up: Option<Instant>,
    ) -> Result<PooledConnection<'_>, Error> {
        let timeout = give_up.map_or(self.timeout, |give_up| {
            give_up.saturating_duration_since(Instant::now())
        });
        let acquired = self.places.acquire(purpose, timeout);
        acquired.map_err(|error| match error {
            AcquireError::Timeout => Error::pool_timeout(timeout),
            AcquireError::Blocked if give_up.is_some() => Error::locked_in_pool(),
            AcquireError::Blocked => Error::pool_blocked(timeout),
            AcquireError::Closed => Error::pool_closed(),
        })
    }
}

impl Backend for Pool {}

impl Executor for Pool {
    const USABLE_AFTER_ERROR: bool = true;

    fn execute(&self, schema: &SchemaName, call: &Call<'_>) -> Result<Reply, Error> {
        async_context::refuse()?;
        self.acquire_for(call)?
            .execute(&self.connector, schema, call)
    }

    fn in_transaction<R, E: From<Error>>(
        &self,
        schema: &SchemaName,
        first: &Call<'_>,
        work: impl Work<R, E>,
    ) -> Result<R, E> {
        async_context::refuse()?;
        let mut connection = self.acquire_for(first)?;
        let _in_transaction = InTransaction::on(&self.places);
        connection.in_transaction(&self.connector, schema, first, work)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("status", &self.places)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
