use sealed::Executor;

/// How a [`Store`](crate::Store) reaches the database: by a pool of its own, or by a [`Borrowed`](crate::Borrowed) connection.
///
/// This trait is sealed and cannot be implemented outside of this crate.
pub trait Backend: Executor {}

pub(crate) mod sealed {
    use postgres::Transaction;

    use crate::error::Error;
    use crate::functions::{Call, Reply, SchemaName};

    pub trait Executor {
        /// True if another call may follow one that failed. An error aborts a transaction.
        const USABLE_AFTER_ERROR: bool;

        /// Makes the call in one round trip.
        fn execute(&self, schema: &SchemaName, call: &Call<'_>) -> Result<Reply, Error>;

        /// Begins a transaction, makes the call in it, and calls `work` with the reply. Commits if that succeeds, and rolls
        /// back if it fails or panics.
        fn in_transaction<R, E, F>(
            &self,
            schema: &SchemaName,
            first: &Call<'_>,
            work: F,
        ) -> Result<R, E>
        where
            E: From<Error>,
            F: FnOnce(&mut Transaction<'_>, Reply) -> Result<R, E>;
    }
}
