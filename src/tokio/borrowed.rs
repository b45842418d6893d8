use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use tokio::sync::{OwnedRwLockWriteGuard, RwLock, TryLockError};
use tokio_postgres::{Client, GenericClient, Transaction};

use super::backend::Backend;
use super::backend::sealed::{Executor, OpenTransaction};
use crate::connection::{final_error, query_unnamed};
use crate::error::Error;
use crate::functions::{Call, Reply, SchemaName};

/// A connection or transaction of the application's own, lent to a [`Store`](super::Store) by [`Store::on`](super::Store::on).
///
/// `C` is a [`tokio_postgres::Client`] or a [`tokio_postgres::Transaction`]. Each call is one round trip from the first on,
/// because it is sent as an unnamed statement with its types. That works behind a transaction pooler too. Calls of one store
/// may be under way at the same time, but not beside [`with_locked`](super::Store::with_locked).
pub struct Borrowed<'a, C> {
    /// Never waited for: a call in the closure of `with_locked` would wait for itself.
    client: Arc<RwLock<&'a mut C>>,
}

/// What the application lends: a [`Client`] or a [`Transaction`]. This trait is sealed.
pub trait Lent: sealed::Lent {}

impl Lent for Client {}
impl Lent for Transaction<'_> {}

mod sealed {
    pub trait Lent: tokio_postgres::GenericClient + Send + Sync {
        const BEGIN: &'static str;
        const COMMIT: &'static str;
        const ROLLBACK: &'static str;
    }
}

impl sealed::Lent for Client {
    // Whatever the role's default: after waiting for a lock, the call must see what the lock's holder wrote.
    const BEGIN: &'static str = "start transaction isolation level read committed";
    const COMMIT: &'static str = "commit";
    const ROLLBACK: &'static str = "rollback";
}

impl sealed::Lent for Transaction<'_> {
    const BEGIN: &'static str = "savepoint connect_pg";
    const COMMIT: &'static str = "release connect_pg";
    const ROLLBACK: &'static str = "rollback to connect_pg; release connect_pg";
}

impl<'a, C: Lent> Borrowed<'a, C> {
    pub(super) fn new(client: &'a mut C) -> Borrowed<'a, C> {
        Borrowed {
            client: Arc::new(RwLock::new(client)),
        }
    }
}

fn in_use(_: TryLockError) -> Error {
    Error::argument("the connection is in use by another call")
}

async fn query_once(
    client: &impl GenericClient,
    schema: &SchemaName,
    call: &Call<'_>,
) -> Result<Reply, Error> {
    query_unnamed(client.client(), schema, call)
        .await
        .map(Reply::new)
        .map_err(|error| final_error(error, call.changes()))
}

impl<C: Lent> Backend for Borrowed<'_, C> {}

impl<'a, C: Lent> Executor for Borrowed<'a, C> {
    type Transaction = BorrowedTransaction<'a, C>;

    const USABLE_AFTER_ERROR: bool = false;

    async fn execute(&self, schema: &SchemaName, call: &Call<'_>) -> Result<Reply, Error> {
        let client = self.client.try_read().map_err(in_use)?;
        query_once(&**client, schema, call).await
    }

    /// Runs the work in a transaction, or in a savepoint of the application's transaction.
    async fn begin(
        &self,
        schema: &SchemaName,
        first: &Call<'_>,
    ) -> Result<(BorrowedTransaction<'a, C>, Reply), Error> {
        let transaction = BorrowedTransaction {
            client: Arc::clone(&self.client).try_write_owned().map_err(in_use)?,
            is_open: true,
        };
        let client = transaction.client.client();
        client.batch_execute(C::BEGIN).await.map_err(Error::call)?;
        match query_once(&**transaction.client, schema, first).await {
            Ok(reply) => Ok((transaction, reply)),
            Err(error) => {
                transaction.rollback().await;
                Err(error)
            }
        }
    }
}

/// A transaction, or a savepoint, on what the application lends.
pub struct BorrowedTransaction<'a, C: Lent> {
    client: OwnedRwLockWriteGuard<&'a mut C>,
    is_open: bool,
}

impl<C: Lent> OpenTransaction for BorrowedTransaction<'_, C> {
    async fn execute(&mut self, schema: &SchemaName, call: &Call<'_>) -> Result<Reply, Error> {
        query_once(&**self.client, schema, call).await
    }

    async fn commit(mut self) -> Result<(), Error> {
        self.is_open = false; // the first poll sends it: a second end would abort the application's transaction
        let committed = self.client.client().batch_execute(C::COMMIT).await;
        self.is_open = committed.is_err();
        committed.map_err(|error| final_error(error, true))
    }

    async fn rollback(mut self) {
        self.is_open = false;
        let _ = self.client.client().batch_execute(C::ROLLBACK).await;
    }
}

impl<C: Lent> Drop for BorrowedTransaction<'_, C> {
    fn drop(&mut self) {
        if self.is_open {
            // The first poll sends it, and the next call on the connection comes behind it.
            let rollback = self.client.client().batch_execute(C::ROLLBACK);
            let _ = pin!(rollback).poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}

impl<C> fmt::Debug for Borrowed<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Borrowed").finish_non_exhaustive()
    }
}
