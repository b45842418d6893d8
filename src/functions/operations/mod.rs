//! Operations of several calls, as state machines without I/O.
//!
//! A client makes the [call](Operation::call), decodes the reply, passes it to [`next`](Operation::next), and does what that says
//! until it is [done](Next::Done). A lost reply, a collision of ids and a conflict are decided here, for every client.

mod change_id;
mod create;
mod drawn_id;
mod locked;
mod login_or_create;
mod update;

pub(crate) use change_id::{ChangeId, ChangedId, IdChange};
pub(crate) use create::Create;
pub(crate) use locked::{check_same_session, finish_locked};
pub(crate) use login_or_create::LoginOrCreate;
pub(crate) use update::{MAX_UPDATE_ATTEMPTS, Update, Updated};

use std::time::Duration;

use crate::error::Error;
use crate::functions::call::Call;
use crate::functions::reply::Reply;

/// Several calls, one after the other.
pub(crate) trait Operation {
    /// What a call returned.
    type Reply;
    /// What the operation returns.
    type Output;
    type Error: From<Error>;

    /// Returns the call to make now.
    fn call(&self) -> Call<'_>;

    /// Decodes the reply of that call.
    fn decode(&self, reply: Reply) -> Result<Self::Reply, Error>;

    /// Says what follows that reply, or that error.
    fn next(
        &mut self,
        reply: Result<Self::Reply, Error>,
    ) -> Result<Next<Self::Output>, Self::Error>;
}

/// What follows a reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<T> {
    Done(T),
    /// Make the call.
    Call,
    /// Pause for a random time up to this one, then make the call.
    CallAfter(Duration),
}

/// An asynchronous client can share all of this: it compiles, and its futures are `Send`.
#[cfg(test)]
mod tests {
    use tokio_postgres::Client;

    use super::*;
    use crate::functions::schema_name::SchemaName;

    async fn execute(
        client: &Client,
        schema: &SchemaName,
        call: &Call<'_>,
    ) -> Result<Reply, Error> {
        let statement = client
            .prepare_typed(&call.sql(schema), &call.types())
            .await
            .map_err(Error::call)?;
        let rows = client.query(&statement, &call.values()).await;
        rows.map(Reply::new).map_err(Error::call)
    }

    async fn run<O: Operation>(
        client: &Client,
        schema: &SchemaName,
        operation: &mut O,
    ) -> Result<O::Output, O::Error> {
        loop {
            let reply = execute(client, schema, &operation.call()).await;
            let reply = reply.and_then(|reply| operation.decode(reply));
            match operation.next(reply)? {
                Next::Done(output) => return Ok(output),
                Next::Call => {}
                Next::CallAfter(longest) => tokio::time::sleep(longest).await,
            }
        }
    }

    type Change = fn(&mut u64) -> Result<(), Error>;

    fn assert_send<T: Send>(_: T) {}

    #[allow(dead_code)]
    fn futures_are_send(
        client: &Client,
        schema: &SchemaName,
        create: &mut Create<'_>,
        change_id: &mut ChangeId<'_>,
        update: &mut Update<'_, u64, (), Change>,
    ) {
        assert_send(run(client, schema, create));
        assert_send(run(client, schema, change_id));
        assert_send(run(client, schema, update));
    }
}
