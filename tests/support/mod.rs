//! What the tests share.

#[cfg(feature = "tracing")]
pub(crate) mod captured;
pub(crate) mod case;
#[cfg(feature = "tls")]
pub(crate) mod certificates;
pub(crate) mod copied_server;
pub(crate) mod environment;
#[cfg(feature = "tokio")]
pub(crate) mod example_program;
#[cfg(all(feature = "admin", feature = "tls"))]
pub(crate) mod false_server;
#[cfg(feature = "admin")]
pub(crate) mod fresh_server;
pub(crate) mod frozen;
pub(crate) mod node;
#[cfg(feature = "tls")]
pub(crate) mod own_connector;
pub(crate) mod pgbouncer;
pub(crate) mod proxy;
pub(crate) mod raw_store;
pub(crate) mod repository;
pub(crate) mod server;
pub(crate) mod server_user;
#[cfg(feature = "admin")]
pub(crate) mod session_admin;
pub(crate) mod skip;
pub(crate) mod store_model;
pub(crate) mod temporary_directory;
pub(crate) mod test_database;
#[cfg(feature = "tls")]
pub(crate) mod tls_cases;
#[cfg(feature = "tls")]
pub(crate) mod tls_proxy;
#[cfg(feature = "tls")]
pub(crate) mod tls_server;
pub(crate) mod wait;
