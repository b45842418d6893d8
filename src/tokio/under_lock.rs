//! The work in a transaction, behind its first call.

use std::future::Future;

use tokio_postgres::Client;

use crate::error::Error;
use crate::functions::Reply;

/// What is done in a transaction after its first call.
pub trait UnderLock {
    type Output;
    type Error: From<Error>;

    /// Goes on with the reply to the first call. The calls of `client` are in the transaction.
    fn run(
        self,
        client: &Client,
        reply: Reply,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>>;
}
