//! Connections: the pool, and those that the application lends.

mod backend;
mod borrowed;
mod connector;
mod lazy_connection;
mod pool;
mod pool_inner;

pub use backend::Backend;
pub(crate) use backend::sealed::{Answer, Call};
pub use borrowed::Borrowed;
pub(crate) use connector::{ConnectSource, Connector};
pub(crate) use lazy_connection::close_off_runtime;
pub use pool::Pool;
