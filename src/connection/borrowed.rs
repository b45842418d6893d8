use std::cell::{RefCell, RefMut};
use std::fmt;

use postgres::{Client, IsolationLevel, Transaction};

use super::backend::Backend;
use super::backend::sealed::{Executor, Work};
use super::{retry, unnamed};
use crate::error::Error;
use crate::functions::{Call, Reply, SchemaName};
use crate::runtime::async_context;

/// A connection or transaction of the application's own, lent to a [`Store`](crate::Store) by [`Store::on`](crate::Store::on).
///
/// `C` is a [`postgres::Client`] or a [`postgres::Transaction`]. Each call is one round trip from the first on, because it is
/// sent as an unnamed statement with its types. That works behind a transaction pooler too.
pub struct Borrowed<'a, C> {
    client: RefCell<&'a mut C>,
}

/// What the application lends: a [`Client`] or a [`Transaction`]. This trait is sealed.
pub trait Lent: sealed::Lent {}

impl Lent for Client {}
impl Lent for Transaction<'_> {}

mod sealed {
    pub trait Lent: postgres::GenericClient {
        /// Begins a transaction, or a savepoint of the one that is lent.
        fn begin(&mut self) -> Result<postgres::Transaction<'_>, postgres::Error>;
    }
}

impl sealed::Lent for Client {
    fn begin(&mut self) -> Result<Transaction<'_>, postgres::Error> {
        // Whatever the role's default: after waiting for a lock, the call must see what the lock's holder wrote.
        self.build_transaction()
            .isolation_level(IsolationLevel::ReadCommitted)
            .start()
    }
}

impl sealed::Lent for Transaction<'_> {
    fn begin(&mut self) -> Result<Transaction<'_>, postgres::Error> {
        self.transaction()
    }
}

impl<'a, C: Lent> Borrowed<'a, C> {
    pub(crate) fn new(client: &'a mut C) -> Borrowed<'a, C> {
        Borrowed {
            client: RefCell::new(client),
        }
    }

    /// Returns the client, unless the closure of a call that is under way makes another call.
    fn client(&self) -> Result<RefMut<'_, &'a mut C>, Error> {
        self.client
            .try_borrow_mut()
            .map_err(|_| Error::argument("the connection is in use by another call"))
    }
}

impl<C: Lent> Backend for Borrowed<'_, C> {}

impl<C: Lent> Executor for Borrowed<'_, C> {
    const USABLE_AFTER_ERROR: bool = false;

    fn execute(&self, schema: &SchemaName, call: &Call<'_>) -> Result<Reply, Error> {
        async_context::refuse()?;
        unnamed::query_blocking(&mut **self.client()?, schema, call)
            .map(Reply::new)
            .map_err(|error| retry::final_error(error, call.changes()))
    }

    /// Runs `work` in a transaction, or in a savepoint of the application's transaction.
    fn in_transaction<R, E: From<Error>>(
        &self,
        schema: &SchemaName,
        first: &Call<'_>,
        work: impl Work<R, E>,
    ) -> Result<R, E> {
        async_context::refuse()?;
        let mut client = self.client()?;
        let mut transaction = client.begin().map_err(Error::call)?;
        let rows = unnamed::query_blocking(&mut transaction, schema, first)
            .map_err(|error| retry::final_error(error, first.changes()))?;
        unnamed::finish(transaction, Reply::new(rows), work)
    }
}

impl<C> fmt::Debug for Borrowed<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Borrowed").finish_non_exhaustive()
    }
}
