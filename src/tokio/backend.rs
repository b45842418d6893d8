use sealed::Executor;

/// How a [`Store`](super::Store) reaches the database: by a pool of its own, or by a [`Borrowed`](super::Borrowed) connection.
///
/// This trait is sealed and cannot be implemented outside of this crate.
pub trait Backend: Executor {}

pub(super) mod sealed {
    use std::future::Future;

    use crate::error::Error;
    use crate::functions::{Call, Reply, SchemaName};
    use crate::tokio::under_lock::UnderLock;

    pub trait Executor {
        /// True if another call may follow one that failed. An error aborts a transaction.
        const USABLE_AFTER_ERROR: bool;

        /// Makes the call in one round trip.
        fn execute(
            &self,
            schema: &SchemaName,
            call: &Call<'_>,
        ) -> impl Future<Output = Result<Reply, Error>> + Send;

        /// Begins a transaction, makes the call in it, and does the work with the reply. Commits if that succeeds. Rolls back
        /// if it fails or panics, or if the future is dropped.
        // Whether the future is Send depends on the application's work.
        fn in_transaction<W: UnderLock>(
            &self,
            schema: &SchemaName,
            first: &Call<'_>,
            work: W,
        ) -> impl Future<Output = Result<W::Output, W::Error>>;
    }
}
