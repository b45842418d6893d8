use std::fmt;

use tokio::sync::{RwLock, TryLockError};
use tokio_postgres::GenericClient;

use super::backend::Backend;
use super::backend::sealed::Executor;
use super::open_connection::query_unnamed;
use super::under_lock::UnderLock;
use crate::connection::final_error;
use crate::error::Error;
use crate::functions::{Call, Reply, SchemaName};

/// A connection or transaction of the application's own, lent to a [`Store`](super::Store) by [`Store::on`](super::Store::on).
///
/// `C` is a [`tokio_postgres::Client`] or a [`tokio_postgres::Transaction`]. Each call is one round trip from the first on,
/// because it is sent as an unnamed statement with its types. That works behind a transaction pooler too. Calls of one store
/// may be under way at the same time, but not beside [`with_locked`](super::Store::with_locked).
pub struct Borrowed<'a, C> {
    /// Never waited for: a call in the closure of `with_locked` would wait for itself.
    client: RwLock<&'a mut C>,
}

impl<'a, C: GenericClient> Borrowed<'a, C> {
    pub(super) fn new(client: &'a mut C) -> Borrowed<'a, C> {
        Borrowed {
            client: RwLock::new(client),
        }
    }
}

fn in_use(_: TryLockError) -> Error {
    Error::argument("the connection is in use by another call")
}

impl<C: GenericClient + Send + Sync> Backend for Borrowed<'_, C> {}

impl<C: GenericClient + Send + Sync> Executor for Borrowed<'_, C> {
    const USABLE_AFTER_ERROR: bool = false;

    async fn execute(&self, schema: &SchemaName, call: &Call<'_>) -> Result<Reply, Error> {
        let client = self.client.try_read().map_err(in_use)?;
        query_unnamed(client.client(), schema, call)
            .await
            .map(Reply::new)
            .map_err(|error| final_error(error, call.changes()))
    }

    /// In a transaction of the application's, this is a savepoint.
    async fn in_transaction<W: UnderLock>(
        &self,
        schema: &SchemaName,
        first: &Call<'_>,
        work: W,
    ) -> Result<W::Output, W::Error> {
        let mut client = self.client.try_write().map_err(in_use)?;
        // Dropped, it sends a rollback.
        let transaction = client.transaction().await.map_err(Error::call)?;
        let reply = query_unnamed(transaction.client(), schema, first)
            .await
            .map(Reply::new)
            .map_err(|error| final_error(error, first.changes()).into());
        let result = match reply {
            Ok(reply) => work.run(transaction.client(), reply).await,
            Err(error) => Err(error),
        };
        if result.is_ok() {
            let committed = transaction.commit().await;
            committed.map_err(|error| final_error(error, true))?;
        } else {
            // The error that is returned says more than one of the rollback.
            let _ = transaction.rollback().await;
        }
        result
    }
}

impl<C> fmt::Debug for Borrowed<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Borrowed").finish_non_exhaustive()
    }
}
