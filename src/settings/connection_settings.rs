//! The settings of a connection.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Socket;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};

use super::host::{Host, default_name};
use super::keepalives::Keepalives;
use super::target_session_attrs::TargetSessionAttrs;
use super::tls::{CustomConnector, TlsSettings};
use crate::error::Error;

/// Where the server is and how to log in.
///
/// Each setting comes from the first of these sources that has it:
///
/// 1. the connection string: a URL or `keyword=value` pairs, with libpq's keywords
/// 2. the connection service (`service=` or `PGSERVICE`) in `~/.pg_service.conf`, `PGSERVICEFILE` or the system's
///    `pg_service.conf`
/// 3. libpq's `PG*` variables
/// 4. the defaults:
///
/// | setting | default |
/// |---|---|
/// | host | the socket in `/var/run/postgresql` or `/tmp`, if there is one; otherwise `localhost` |
/// | port | 5432 |
/// | user | the operating system's user |
/// | dbname | the user's name |
/// | password | the line for the server in `passfile`, `PGPASSFILE` or `~/.pgpass` |
/// | `connect_timeout` | 10 seconds for each host, the login included (0 = no limit) |
/// | keepalives | on: after 60 seconds of silence, then every 10 seconds, 6 times |
/// | `tcp_user_timeout` | 30000 milliseconds |
/// | `application_name` | `connect-pg` |
/// | `target_session_attrs` | any |
/// | `sslmode` | `verify-full`; for sockets, `localhost` and loopback addresses `disable` |
/// | `sslrootcert`, `sslcrl` | `~/.postgresql/root.crt`, `root.crl`; without `sslmode`, the authorities of the system |
/// | `sslcert`, `sslkey` | `~/.postgresql/postgresql.crt`, `postgresql.key` |
/// | `channel_binding` | prefer |
///
/// All values of `sslmode` have libpq's meaning. libpq's own default is `prefer`, which gives no protection: an attacker on the
/// network answers that the server has no TLS. Without the feature `tls` and a [connector](Self::connector), the modes that need
/// TLS are errors, also where they are the default.
///
/// Settings that would be lost silently and leave the connection weaker are errors: `requirepeer`, `gssencmode=require`,
/// `sslcrldir`, and `require_auth` on a socket. The client encoding is always UTF-8.
///
/// `Debug` shows no password.
///
/// ```no_run
/// # fn main() -> Result<(), connect_pg::Error> {
/// use connect_pg::ConnectionSettings;
///
/// let settings = ConnectionSettings::parse("postgresql://nodepg@db.example/shop")?
///     .password_file("/run/secrets/nodepg");
/// let client = settings.connect()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ConnectionSettings {
    /// Empty means the default host, which each connect looks up.
    pub(super) hosts: Vec<Host>,
    pub(super) default_port: u16,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) password: Option<(String, PasswordSource)>,
    /// Each connect reads it. It has priority over every other password.
    pub(super) password_file: Option<PathBuf>,
    pub(super) passfile: Option<PathBuf>,
    pub(super) options: Option<String>,
    pub(super) application_name: Option<String>,
    pub(super) fallback_application_name: String,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) keepalives: Option<Keepalives>,
    pub(super) tcp_user_timeout: Option<Duration>,
    pub(super) target_session_attrs: TargetSessionAttrs,
    pub(super) random_order: bool,
    pub(super) socket_directories: Vec<PathBuf>,
    pub(super) tls: TlsSettings,
}

/// Where a password came from. The hint for a wrong password depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PasswordSource {
    ConnectionString,
    Service,
    Environment,
}

impl ConnectionSettings {
    /// Takes the password from a file, which has one password a line, 8 at most. It has priority over every other password.
    ///
    /// Each connect reads the file again, so a changed password needs no restart. If the server refuses a password (28P01), the
    /// connect reads the file again and tries the next one that it has not tried. So a file with the old and the new password
    /// serves during a rotation. A missing or empty file is an error of the connect, not of this call.
    #[must_use]
    pub fn password_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.password_file = Some(path.into());
        self
    }

    /// Connects to another database of the same server.
    #[must_use]
    pub fn in_database(mut self, name: impl Into<String>) -> Self {
        self.database = name.into();
        self
    }

    /// Sets the name that `pg_stat_activity` shows if neither the connection string nor `PGAPPNAME` sets one. Default:
    /// `connect-pg`.
    #[must_use]
    pub fn fallback_application_name(mut self, name: impl Into<String>) -> Self {
        self.fallback_application_name = name.into();
        self
    }

    /// Makes the TLS handshakes by a connector of the application's own, that of `postgres-native-tls` for example.
    ///
    /// `sslmode` says whether there is TLS: not for `disable`, if the server offers it for `allow` and `prefer`, always for the
    /// others. If it is not set, every host but a socket has TLS. The connector alone decides what it verifies, and so
    /// `sslrootcert`, `sslcert`, `sslkey` and `sslcrl` are errors. With `sslnegotiation=direct` the connector must offer the ALPN
    /// protocol `postgresql`.
    #[must_use]
    pub fn connector<T>(self, connector: T) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::TlsConnect: Send,
        T::Stream: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        self.custom_connector(CustomConnector::new(connector))
    }

    pub(crate) fn custom_connector(mut self, connector: CustomConnector) -> Self {
        self.tls.set_custom(connector);
        self
    }

    /// Checks what can be checked before the first connection.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let checked = self.tls.check(&self.hosts());
        checked.map_err(Error::connection_settings)
    }

    /// Returns the user to log in as.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Returns the database to connect to.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Returns the servers as text, joined by `, `: `db.example port 5432`, `the socket in /tmp port 5432`.
    #[must_use]
    pub fn server(&self) -> String {
        let servers: Vec<String> = self.hosts().iter().map(ToString::to_string).collect();
        servers.join(", ")
    }

    /// Returns the hosts in their order, or the default host if the settings name none.
    pub(super) fn hosts(&self) -> Vec<Host> {
        if !self.hosts.is_empty() {
            return self.hosts.clone();
        }
        vec![Host {
            name: default_name(&self.socket_directories, self.default_port),
            address: None,
            port: self.default_port,
        }]
    }
}

/// Shows everything but passwords.
impl fmt::Debug for ConnectionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionSettings")
            .field("hosts", &self.hosts)
            .field("default_port", &self.default_port)
            .field("user", &self.user)
            .field("database", &self.database)
            .field(
                "password",
                &self.password.as_ref().map(|(_, source)| source),
            )
            .field("password_file", &self.password_file)
            .field("passfile", &self.passfile)
            .field("options", &self.options)
            .field("application_name", &self.application_name)
            .field("fallback_application_name", &self.fallback_application_name)
            .field("connect_timeout", &self.connect_timeout)
            .field("keepalives", &self.keepalives)
            .field("tcp_user_timeout", &self.tcp_user_timeout)
            .field("target_session_attrs", &self.target_session_attrs)
            .field("random_order", &self.random_order)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}
