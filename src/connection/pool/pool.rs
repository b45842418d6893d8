use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::checkout::Checkout;
use super::groups::Groups;
use super::in_transaction::InTransaction;
use super::options::PoolOptions;
use super::places::Places;
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
///
/// Loads and saves that wait for a connection [share the next one](crate::StoreBuilder::group_calls).
#[derive(Clone)]
pub struct Pool {
    checkout: Checkout,
    groups: Arc<Groups>,
}

impl Pool {
    /// Returns a pool without an open connection. `timeout` is not 0.
    pub(crate) fn new(connector: Connector, options: PoolOptions, timeout: Duration) -> Pool {
        Pool {
            checkout: Checkout {
                places: Arc::new(Places::new(options)),
                connector: Arc::new(connector),
                timeout,
            },
            groups: Arc::new(Groups::new(options.group_mode)),
        }
    }

    /// Opens one connection, so that a mistake in the settings shows now.
    pub(crate) fn open_one(&self) -> Result<(), Error> {
        async_context::refuse()?;
        self.checkout.open_one()
    }

    /// Returns how connections are made, for one outside of the pool.
    pub(crate) fn connector(&self) -> Arc<Connector> {
        Arc::clone(&self.checkout.connector)
    }

    pub(crate) fn status(&self) -> PoolStatus {
        self.checkout.places.status()
    }

    pub(crate) fn close(&self) {
        self.checkout.places.close();
    }
}

impl Backend for Pool {}

impl Executor for Pool {
    const USABLE_AFTER_ERROR: bool = true;

    fn execute(&self, schema: &SchemaName, call: &Call<'_>) -> Result<Reply, Error> {
        async_context::refuse()?;
        self.checkout.check_self_deadlock()?;
        self.groups.execute(&self.checkout, schema, call)
    }

    fn in_transaction<R, E: From<Error>>(
        &self,
        schema: &SchemaName,
        first: &Call<'_>,
        work: impl Work<R, E>,
    ) -> Result<R, E> {
        async_context::refuse()?;
        self.checkout.check_self_deadlock()?;
        let (mut connection, _refused) = self.checkout.acquire_open(first)?;
        let _in_transaction = InTransaction::on(&self.checkout.places);
        connection.in_transaction(&self.checkout.connector, schema, first, work)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("status", &self.checkout.places)
            .field("timeout", &self.checkout.timeout)
            .finish_non_exhaustive()
    }
}
