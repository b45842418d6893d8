//! Connections: the pool, and those that the application lends.

mod activity;
mod backend;
mod blocking_client;
mod borrowed;
mod call_limit;
mod close;
mod connector;
mod driven_client;
mod lazy_connection;
mod open_connection;
mod pool;
mod retry;
mod server_session;
mod unnamed;

#[cfg(feature = "tokio")]
pub(crate) use activity::Activity;
pub use backend::Backend;
pub(crate) use backend::sealed::OpenTransaction;
pub use borrowed::{Borrowed, Lent};
#[cfg(feature = "tokio")]
pub(crate) use call_limit::CallLimit;
pub(crate) use close::close_off_runtime;
#[cfg(feature = "tokio")]
pub(crate) use connector::Statements;
pub(crate) use connector::{ConnectSource, Connector};
#[cfg(feature = "tokio")]
pub(crate) use driven_client::DrivenClient;
pub(crate) use pool::{GroupMode, PoolOptions};
pub use pool::{Pool, PoolStatus};
#[cfg(any(feature = "tokio", feature = "install"))]
pub(crate) use retry::final_error;
#[cfg(feature = "tokio")]
pub(crate) use retry::{Attempt, FailedAttempt, final_failure};
pub(crate) use unnamed::query_blocking;
#[cfg(feature = "tokio")]
pub(crate) use unnamed::query_unnamed;
