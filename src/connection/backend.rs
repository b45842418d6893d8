use crate::connection::Borrowed;
use crate::connection::Pool;
use sealed::Run;

/// What a [`Store`](crate::Store) reaches the database through: a [`Pool`] of its own, or a [`Borrowed`] connection.
///
/// This trait is sealed and cannot be implemented outside of this crate.
pub trait Backend: Run {}

impl Backend for Pool {}

impl<C: postgres::GenericClient> Backend for Borrowed<'_, C> {}

pub(crate) mod sealed {
    use postgres::types::{ToSql, Type};
    use postgres::{Row, Transaction};

    use crate::connection::Borrowed;
    use crate::error::Error;
    use crate::functions::Function;
    use crate::functions::Parameter;
    use crate::functions::SchemaName;

    pub trait Run {
        /// Whether a call that failed may be followed by another: not so in a transaction, which an error aborts.
        const USABLE_AFTER_ERROR: bool;

        /// Makes the call in one round trip.
        fn run(&self, call: &Call<'_>) -> Result<Answer, Error>;

        /// Begins a transaction, makes the call in it, and gives both to `work`. Commits if that ends well, and rolls back if
        /// it fails or panics.
        fn in_transaction<R, E, F>(&self, first: &Call<'_>, work: F) -> Result<R, E>
        where
            E: From<Error>,
            F: FnOnce(Borrowed<'_, Transaction<'_>>, Answer) -> Result<R, E>;
    }

    /// The rest of a transaction whose first call is made.
    pub(crate) fn finish<R, E, F>(
        mut transaction: Transaction<'_>,
        answer: Answer,
        work: F,
    ) -> Result<R, E>
    where
        E: From<Error>,
        F: FnOnce(Borrowed<'_, Transaction<'_>>, Answer) -> Result<R, E>,
    {
        // A transaction that is dropped rolls back.
        let result = work(Borrowed::new(&mut transaction), answer)?;
        transaction.commit().map_err(|error| {
            let error = Error::call(error);
            if error.is_connection_lost() && !error.is_read_only() {
                error.with_outcome_unknown()
            } else {
                error
            }
        })?;
        Ok(result)
    }

    /// One call of one function.
    #[allow(missing_debug_implementations)]
    pub struct Call<'a> {
        pub(crate) function: Function,
        pub(crate) schema: &'a SchemaName,
        pub(crate) parameters: &'a [Parameter<'a>],
    }

    impl Call<'_> {
        pub(crate) fn sql(&self) -> String {
            self.function.sql(self.schema)
        }

        pub(crate) fn types(&self) -> Vec<Type> {
            self.parameters.iter().map(Parameter::sql_type).collect()
        }

        pub(crate) fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
            self.parameters
                .iter()
                .map(|parameter| parameter as _)
                .collect()
        }

        pub(crate) fn typed_values(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
            self.parameters
                .iter()
                .map(|parameter| (parameter as _, parameter.sql_type()))
                .collect()
        }
    }

    /// What a call returned.
    #[allow(missing_debug_implementations)]
    pub struct Answer {
        pub(crate) rows: Vec<Row>,
        /// Whether an earlier try of the same call was sent on a connection that broke, and so may have been done.
        pub(crate) repeated: bool,
    }
}
