//! What the tests share.

pub(crate) mod case;
pub(crate) mod copied_server;
pub(crate) mod environment;
#[cfg(feature = "admin")]
pub(crate) mod fresh_server;
pub(crate) mod frozen;
pub(crate) mod node;
pub(crate) mod pgbouncer;
pub(crate) mod proxy;
pub(crate) mod raw_store;
pub(crate) mod repository;
pub(crate) mod running_application;
pub(crate) mod server;
#[cfg(feature = "admin")]
pub(crate) mod session_admin;
pub(crate) mod skip;
pub(crate) mod store_model;
pub(crate) mod temporary_directory;
pub(crate) mod test_database;
pub(crate) mod wait;
