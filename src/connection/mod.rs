//! Connections: the pool, and those that the application lends.

mod backend;
mod borrowed;
mod connector;
mod lazy_connection;
mod pool;
mod retry;
mod unnamed;

pub use backend::Backend;
pub use borrowed::{Borrowed, Lent};
pub(crate) use connector::{ConnectSource, Connector};
pub(crate) use lazy_connection::close_off_runtime;
pub(crate) use pool::{GroupMode, PoolOptions};
pub use pool::{Pool, PoolStatus};
#[cfg(feature = "tokio")]
pub(crate) use retry::{Attempt, Decision, FailedAttempt, final_error};
pub(crate) use unnamed::query as query_unnamed;
