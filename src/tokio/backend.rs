use sealed::Executor;

/// How a [`Store`](super::Store) reaches the database: by a pool of its own, or by a [`Borrowed`](super::Borrowed) connection.
///
/// This trait is sealed and cannot be implemented outside of this crate.
pub trait Backend: Executor {}

// The bounds on these futures are written down. Inferred ones cannot be proved in a caller that spawns.
pub(super) mod sealed {
    use std::future::Future;

    use crate::error::Error;
    use crate::functions::{Call, Reply, SchemaName};

    pub trait Executor: Send + Sync {
        /// Without a lifetime: a future that holds one could not be proved to be Send.
        type Transaction: OpenTransaction;

        /// True if another call may follow one that failed. An error aborts a transaction.
        const USABLE_AFTER_ERROR: bool;

        /// Returns the address of the pool, if there is one.
        fn pool(&self) -> Option<usize> {
            None
        }

        /// Makes the call in one round trip.
        fn execute(
            &self,
            schema: &SchemaName,
            call: &Call<'_>,
        ) -> impl Future<Output = Result<Reply, Error>> + Send;

        /// Begins a transaction and makes the call in it.
        fn begin(
            &self,
            schema: &SchemaName,
            first: &Call<'_>,
        ) -> impl Future<Output = Result<(Self::Transaction, Reply), Error>> + Send;
    }

    /// A transaction. Dropped, it rolls back before the connection serves another call.
    pub trait OpenTransaction: Send {
        fn execute(
            &mut self,
            schema: &SchemaName,
            call: &Call<'_>,
        ) -> impl Future<Output = Result<Reply, Error>> + Send;

        fn commit(self) -> impl Future<Output = Result<(), Error>> + Send;

        /// Returns when the transaction is rolled back. The error that led here says more than one of the rollback.
        fn rollback(self) -> impl Future<Output = ()> + Send;
    }
}
