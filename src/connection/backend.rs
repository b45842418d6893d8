use sealed::Executor;

/// How a [`Store`](crate::Store) reaches the database: by a pool of its own, or by a [`Borrowed`](crate::Borrowed) connection.
///
/// This trait is sealed and cannot be implemented outside of this crate.
pub trait Backend: Executor {}

pub(crate) mod sealed {
    use crate::error::Error;
    use crate::functions::{Call, Reply, SchemaName};

    pub trait Executor {
        /// True if another call may follow one that failed. An error aborts a transaction.
        const USABLE_AFTER_ERROR: bool;

        /// Makes the call in one round trip.
        fn execute(&self, schema: &SchemaName, call: &Call<'_>) -> Result<Reply, Error>;

        /// Begins a transaction, makes the call in it, and calls `work` with the reply. Commits if that succeeds, and rolls
        /// back if it fails or panics.
        fn in_transaction<R, E: From<Error>>(
            &self,
            schema: &SchemaName,
            first: &Call<'_>,
            work: impl Work<R, E>,
        ) -> Result<R, E>;
    }

    /// What follows the first call of a transaction, given its reply.
    pub trait Work<R, E>: FnOnce(&mut dyn OpenTransaction, Reply) -> Result<R, E> {}

    impl<F: FnOnce(&mut dyn OpenTransaction, Reply) -> Result<R, E>, R, E> Work<R, E> for F {}

    /// A transaction in which a call was made.
    pub trait OpenTransaction {
        /// Makes another call in it.
        fn execute(&mut self, schema: &SchemaName, call: &Call<'_>) -> Result<Reply, Error>;
    }
}
