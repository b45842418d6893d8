//! A call on a connection of the pool, with the retry policy.

use std::future::Future;
use std::sync::Arc;

use tokio_postgres::Row;

use super::open_connection::OpenConnection;
use crate::connection::{Attempt, CallLimit, FailedAttempt};
use crate::error::Error;
use crate::functions::{Call, Reply, SchemaName};

/// The use of a place in the pool by one caller.
///
/// If it is dropped while a call is under way, the place is in use until the server has replied.
pub(super) trait Lease {
    /// Returns the open connection. Connects if there is none.
    fn connected(&mut self) -> impl Future<Output = Result<Arc<OpenConnection>, Error>> + Send;

    /// Leaves a connection that is lost.
    fn discard(&mut self);

    /// Notes whether a call is under way.
    fn set_under_way(&mut self, under_way: bool);
}

/// Makes a call, and repeats it as the [retry policy](crate::connection) says. `may_have_executed` is true if the call was part of
/// a group, of which that is unknown.
pub(super) async fn execute<L: Lease>(
    lease: &mut L,
    prepares: bool,
    schema: &SchemaName,
    call: &Call<'_>,
    may_have_executed: bool,
) -> Result<Reply, Error> {
    let mut attempt = Attempt::first(prepares);
    attempt.may_have_executed = may_have_executed;
    let mut limit = None;
    loop {
        let failed = match attempt_once(lease, schema, call, &mut limit).await {
            Ok(rows) => return Ok(Reply::repeated(rows, attempt.may_have_executed)),
            Err(failed) => failed,
        };
        if failed.error.is_connection_lost() {
            lease.discard();
        }
        attempt = failed.next(call, attempt)?;
    }
}

async fn attempt_once<L: Lease>(
    lease: &mut L,
    schema: &SchemaName,
    call: &Call<'_>,
    limit: &mut Option<CallLimit>,
) -> Result<Vec<Row>, FailedAttempt> {
    let open = lease
        .connected()
        .await
        .map_err(FailedAttempt::before_sending)?;
    lease.set_under_way(true);
    let limit = limit.get_or_insert_with(|| CallLimit::new(open.call_timeout(), call));
    let result = open.query(schema, call, limit).await;
    lease.set_under_way(false);
    result
}
