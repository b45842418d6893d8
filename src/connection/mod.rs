//! Connections: the pool, and those that the application lends.

mod backend;
mod borrowed;
mod connector;
mod lazy_connection;
mod pool;
mod pool_inner;
mod pool_status;
mod retry;
mod unnamed;

pub use backend::Backend;
pub use borrowed::Borrowed;
pub(crate) use connector::{ConnectSource, Connector};
pub(crate) use lazy_connection::close_off_runtime;
pub use pool::Pool;
pub(crate) use pool_inner::PoolOptions;
pub use pool_status::PoolStatus;
pub(crate) use unnamed::query as query_unnamed;
