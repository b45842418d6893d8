//! What the tests share.

pub(crate) mod node;
pub(crate) mod proxy;
pub(crate) mod raw_store;
pub(crate) mod running_application;
#[cfg(feature = "admin")]
pub(crate) mod session_admin;
pub(crate) mod skip;
pub(crate) mod store_model;
pub(crate) mod tcp_login;
pub(crate) mod test_database;
