//! How a connection is protected: TLS, the checks of the server, and what the login may be.

mod certificate_refused;
mod custom_connector;
mod driver_config;
#[cfg(feature = "tls")]
mod handshake;
#[cfg_attr(
    not(feature = "tls"),
    allow(dead_code, reason = "a build without TLS checks these settings alone")
)]
mod handshake_settings;
mod login_rules;
mod login_watch;
mod negotiation;
mod plain_stream;
mod require_auth;
mod secure_stream;
mod ssl_mode;
mod tls_connector;
#[cfg_attr(
    not(feature = "tls"),
    allow(dead_code, reason = "a build without TLS checks these settings alone")
)]
mod tls_files;
mod tls_settings;
mod transport;
mod watched_stream;

pub(crate) use custom_connector::CustomConnector;
pub(crate) use driver_config::secure_config;
pub(crate) use secure_stream::SecureStream;
pub(super) use ssl_mode::SslMode;
pub(crate) use tls_connector::TlsConnector;
pub(super) use tls_settings::TlsSettings;
pub(super) use transport::Transport;
