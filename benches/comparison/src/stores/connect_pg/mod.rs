//! connect-pg: this crate.

pub mod borrowed;
pub mod client;
pub mod data;
pub mod pool;
pub mod shared_pool;
