use std::cell::RefCell;
use std::fmt;

use postgres::GenericClient;

use crate::backend::sealed::{Answer, Call, Run};
use crate::{Error, async_context};

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
}

impl<C: GenericClient> Run for Borrowed<'_, C> {
    const GOES_ON_AFTER_ERROR: bool = false;

    fn run(&self, call: &Call<'_>) -> Result<Answer, Error> {
        async_context::block(|| {
            // Nothing of ours calls back into the application while the client is borrowed.
            let mut client = self
                .client
                .try_borrow_mut()
                .map_err(|_| Error::argument("the connection is in use by another call"))?;
            match client.query_typed(&call.sql(), &call.typed_values()) {
                Ok(rows) => Ok(Answer {
                    rows,
                    repeated: false,
                }),
                Err(error) => {
                    let error = Error::call(error);
                    Err(
                        if error.spoils_connection()
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
}

impl<C> fmt::Debug for Borrowed<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Borrowed").finish_non_exhaustive()
    }
}
