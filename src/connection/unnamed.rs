//! Calls as unnamed statements, and transactions of several calls.

use postgres::{GenericClient, Row, Transaction};

use tokio_postgres::Client;

use super::backend::sealed::{OpenTransaction, Work};
use super::retry;
use crate::error::Error;
use crate::functions::{Call, Reply, SchemaName};

/// Makes a call as an unnamed statement, which works behind a transaction pooler too.
pub(crate) fn query_blocking(
    client: &mut impl GenericClient,
    schema: &SchemaName,
    call: &Call<'_>,
) -> Result<Vec<Row>, postgres::Error> {
    client.query_typed(&call.sql(schema), &call.typed_values())
}

/// Makes a call as an unnamed statement, without blocking.
pub(crate) async fn query_unnamed(
    client: &Client,
    schema: &SchemaName,
    call: &Call<'_>,
) -> Result<Vec<Row>, postgres::Error> {
    client
        .query_typed(&call.sql(schema), &call.typed_values())
        .await
}

/// Goes on in a transaction whose first call is made, and commits.
pub(crate) fn finish<R, E: From<Error>>(
    mut transaction: Transaction<'_>,
    reply: Reply,
    work: impl Work<R, E>,
) -> Result<R, E> {
    // A transaction that is dropped rolls back.
    let result = work(&mut transaction, reply)?;
    transaction
        .commit()
        .map_err(|error| retry::final_error(error, true))?;
    Ok(result)
}

impl OpenTransaction for Transaction<'_> {
    fn execute(&mut self, schema: &SchemaName, call: &Call<'_>) -> Result<Reply, Error> {
        query_blocking(self, schema, call)
            .map(Reply::new)
            .map_err(|error| retry::final_error(error, call.changes()))
    }
}
