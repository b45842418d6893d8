//! Connection settings: which server, which role, which password, as libpq reads them.

mod attempt;
mod cancel;
mod config;
mod connect;
mod connect_async;
mod connection_settings;
mod conninfo;
mod environment;
mod host;
#[cfg(any(test, fuzzing))]
pub(crate) mod invariants;
mod keepalives;
mod keywords;
mod passfile;
mod password_file;
mod passwords;
mod refused_passwords;
mod resolve;
mod service;
mod sources;
mod target_session_attrs;
mod tls;

#[cfg(test)]
mod tests;

pub(crate) use attempt::login_timeout;
pub(crate) use connect_async::Drive;
pub use connection_settings::ConnectionSettings;
pub(crate) use refused_passwords::RefusedPasswords;
#[cfg(feature = "tokio")]
pub(crate) use tls::SecureStream;
pub(crate) use tls::{CustomConnector, TlsConnector, secure_config};
