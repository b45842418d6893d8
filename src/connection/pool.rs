use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use postgres::Transaction;

use crate::connection::backend::Backend;
use crate::connection::backend::sealed::Executor;
use crate::connection::connector::Connector;
use crate::connection::pool_inner::{PoolInner, PooledConnection};
use crate::error::Error;
use crate::functions::{Call, Reply, SchemaName};
use crate::runtime::async_context;

/// The connections of a [`Store`](crate::Store) of its own.
///
/// A few are enough, since each call is one round trip of well under a millisecond: 4 by default. They are opened when they are
/// needed, never pinged, and renewed after 30 minutes. Cloning a pool, like cloning a store, gives another handle to the same
/// connections. Dropping the last handle closes them; that is safe anywhere, inside an async runtime too.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<PoolInner>,
    connector: Arc<Connector>,
    timeout: Duration,
}

impl Pool {
    /// A pool of at most `size` connections, none of them open. Neither `size` nor `timeout` is 0.
    pub(crate) fn new(connector: Connector, size: u32, timeout: Duration) -> Pool {
        Pool {
            inner: Arc::new(PoolInner::new(size)),
            connector: Arc::new(connector),
            timeout,
        }
    }

    /// Opens one connection, so that a mistake in the settings shows now.
    pub(crate) fn open_one(&self) -> Result<(), Error> {
        async_context::refuse()?;
        self.acquire()?.connect(&self.connector)
    }

    /// How connections are made, for one that is not the pool's.
    pub(crate) fn connector(&self) -> Arc<Connector> {
        Arc::clone(&self.connector)
    }

    fn acquire(&self) -> Result<PooledConnection<'_>, Error> {
        self.inner
            .acquire(self.timeout)
            .ok_or_else(|| Error::pool_timeout(self.timeout))
    }
}

impl Backend for Pool {}

impl Executor for Pool {
    const USABLE_AFTER_ERROR: bool = true;

    fn execute(&self, schema: &SchemaName, call: &Call<'_>) -> Result<Reply, Error> {
        async_context::refuse()?;
        self.acquire()?.execute(&self.connector, schema, call)
    }

    fn in_transaction<R, E, F>(
        &self,
        schema: &SchemaName,
        first: &Call<'_>,
        work: F,
    ) -> Result<R, E>
    where
        E: From<Error>,
        F: FnOnce(&mut Transaction<'_>, Reply) -> Result<R, E>,
    {
        async_context::refuse()?;
        self.acquire()?
            .in_transaction(&self.connector, schema, first, work)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("inner", &self.inner)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
