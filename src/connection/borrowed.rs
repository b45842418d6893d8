use std::cell::{RefCell, RefMut};
use std::fmt;

use postgres::{GenericClient, Transaction};

use crate::connection::backend::sealed::{Answer, Call, Run, finish};
use crate::error::Error;
use crate::runtime::async_context;

/// A connection or transaction of the application's own, lent to a [`Store`](crate::Store) by [`Store::on`](crate::Store::on).
///
/// `C` is a [`postgres::Client`] or a [`postgres::Transaction`]. Each call is one round trip from the first on: it is sent as an
/// unnamed statement with the types stated, which works behind a transaction pooler too.
pub struct Borrowed<'a, C> {
    client: RefCell<&'a mut C>,
}

impl<'a, C: GenericClient> Borrowed<'a, C> {
    pub(crate) fn new(client: &'a mut C) -> Borrowed<'a, C> {
        Borrowed {
            client: RefCell::new(client),
        }
    }

    /// The client, unless one of our closures, which holds it, calls us again.
    fn client(&self) -> Result<RefMut<'_, &'a mut C>, Error> {
        self.client
            .try_borrow_mut()
            .map_err(|_| Error::argument("the connection is in use by another call"))
    }
}

impl<C: GenericClient> Run for Borrowed<'_, C> {
    const USABLE_AFTER_ERROR: bool = false;

    fn run(&self, call: &Call<'_>) -> Result<Answer, Error> {
        async_context::block(|| {
            match self
                .client()?
                .query_typed(&call.sql(), &call.typed_values())
            {
                Ok(rows) => Ok(Answer {
                    rows,
                    repeated: false,
                }),
                Err(error) => {
                    let error = Error::call(error);
                    Err(
                        if error.is_connection_lost()
                            && !error.is_read_only()
                            && call.function.changes()
                        {
                            error.with_outcome_unknown()
                        } else {
                            error
                        },
                    )
                }
            }
        })
    }

    /// In a transaction of the application's, this is a savepoint.
    fn in_transaction<R, E, F>(&self, first: &Call<'_>, work: F) -> Result<R, E>
    where
        E: From<Error>,
        F: FnOnce(Borrowed<'_, Transaction<'_>>, Answer) -> Result<R, E>,
    {
        async_context::refuse()?;
        let mut client = self.client()?;
        let mut transaction = client.transaction().map_err(Error::call)?;
        let answer = Borrowed::new(&mut transaction).run(first)?;
        finish(transaction, answer, work)
    }
}

impl<C> fmt::Debug for Borrowed<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Borrowed").finish_non_exhaustive()
    }
}
