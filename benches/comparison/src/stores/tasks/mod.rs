//! Stores whose clients are tasks on tokio's runtime of several threads.

pub mod connect_pg;
pub mod driver;
pub mod redis;
pub mod store;
pub mod tower_sessions;
