//! Where the server is and how to get in: what users of libpq, and so of `psql`, expect.

mod connect;
mod conninfo;
mod host;
mod keepalives;
mod passfile;
pub(crate) mod password_file;
mod service;
mod sources;
mod target_session_attrs;
mod tls;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postgres::config::{self, LoadBalanceHosts, SslMode};
use postgres::{Client, Config};

use crate::error::ConnectionTarget;
use crate::error::Error;
use crate::runtime::async_context;
use host::{DEFAULT_SOCKET_DIRECTORY, Host};
use keepalives::Keepalives;
use sources::utf8;
use target_session_attrs::TargetSessionAttrs;

/// Where the server is and how to get in.
///
/// The settings come from a connection string (a URL or `keyword=value` pairs, with libpq's keywords); what
/// it leaves out from the service it names (`service=`, `PGSERVICE`: `~/.pg_service.conf` or `PGSERVICEFILE`,
/// then the system's `pg_service.conf`); what that leaves out from libpq's `PG*` variables; and the rest from
/// these defaults:
///
/// | setting | default |
/// |---|---|
/// | host | the socket in `/var/run/postgresql`, else in `/tmp`, where one is there; else `localhost` |
/// | port | 5432 |
/// | user | the operating system's user |
/// | dbname | the user's name |
/// | password | the line for the server in `passfile`, `PGPASSFILE` or `~/.pgpass` |
/// | `connect_timeout` | 10 seconds for each host, the login included (0 = no limit) |
/// | keepalives | on: first after 60 seconds of silence, then every 10 seconds, 6 times |
/// | `tcp_user_timeout` | 30000 milliseconds |
/// | `application_name` | `connect-pg` |
/// | `target_session_attrs` | any |
///
/// TLS is not part of this build: `sslmode` `disable`, `allow` and `prefer` connect without it, and the stricter
/// modes are refused for every host but a unix socket, where libpq ignores them too. Other settings whose
/// silent loss would weaken a connection (`require_auth`, `requirepeer`, `channel_binding=require`,
/// `gssencmode=require`) are refused as well. The client's encoding is always UTF-8.
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
    /// Empty = the default host, looked up at each connect.
    hosts: Vec<Host>,
    default_port: u16,
    user: String,
    database: String,
    password: Option<(String, PasswordSource)>,
    /// Read again at each connect; goes before everything else.
    password_file: Option<PathBuf>,
    passfile: Option<PathBuf>,
    options: Option<String>,
    application_name: Option<String>,
    fallback_application_name: String,
    connect_timeout: Option<Duration>,
    keepalives: Option<Keepalives>,
    tcp_user_timeout: Option<Duration>,
    target: TargetSessionAttrs,
    random_order: bool,
    socket_directories: Vec<PathBuf>,
}

/// Where a password came from: the mend of a wrong one depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PasswordSource {
    ConnectionString,
    Service,
    Environment,
}

impl ConnectionSettings {
    /// Reads the settings from the environment of this process: `DATABASE_URL` where it is set and not empty,
    /// filled up from libpq's `PG*` variables and defaults.
    ///
    /// # Errors
    ///
    /// A setting is malformed, or asks for something that this build cannot do. No error repeats a password.
    pub fn from_env() -> Result<Self, Error> {
        let url = std::env::var_os("DATABASE_URL").filter(|url| !url.is_empty());
        let url = url
            .map(|url| utf8("DATABASE_URL", url))
            .transpose()
            .map_err(Error::connection_settings)?;
        Self::with_environment(url.as_deref(), |name| std::env::var_os(name))
    }

    /// Reads the settings from a connection string, a URL or `keyword=value` pairs, filled up from libpq's `PG*`
    /// variables and defaults. `DATABASE_URL` is not looked at.
    ///
    /// # Errors
    ///
    /// As for [`from_env`](Self::from_env).
    pub fn parse(connection_string: &str) -> Result<Self, Error> {
        Self::with_environment(Some(connection_string), |name| std::env::var_os(name))
    }

    /// As [`parse`](Self::parse), with an environment other than that of this process: `environment` answers the
    /// value of a variable by its name. Besides the `PG*` variables, `HOME` is asked for.
    ///
    /// # Errors
    ///
    /// As for [`from_env`](Self::from_env).
    pub fn with_environment(
        connection_string: Option<&str>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        Self::resolve(connection_string, &environment).map_err(Error::connection_settings)
    }

    /// Takes the password from the first line of a file, which is read again at each connect: a password can be
    /// rotated without a restart. Goes before every other password. A missing or empty file is an error of the
    /// connect, not of this call.
    #[must_use]
    pub fn password_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.password_file = Some(path.into());
        self
    }

    /// Sets the name that `pg_stat_activity` shows where neither the connection string nor `PGAPPNAME` names one.
    /// Default: `connect-pg`.
    #[must_use]
    pub fn fallback_application_name(mut self, name: impl Into<String>) -> Self {
        self.fallback_application_name = name.into();
        self
    }

    /// The user to log in as.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The database to connect to.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The servers for people: `db.example port 5432`, `the socket in /tmp port 5432`, joined by `, `.
    #[must_use]
    pub fn server(&self) -> String {
        let servers: Vec<String> = self.hosts().iter().map(ToString::to_string).collect();
        servers.join(", ")
    }

    /// Where the password comes from, for people, or none if there is none.
    #[must_use]
    pub fn password_source(&self) -> Option<String> {
        if let Some(path) = &self.password_file {
            return Some(format!("the file {}", path.display()));
        }
        if let Some((_, source)) = &self.password {
            return Some(
                match source {
                    PasswordSource::ConnectionString => "the connection string",
                    PasswordSource::Service => "the connection service",
                    PasswordSource::Environment => "PGPASSWORD",
                }
                .into(),
            );
        }
        let path = self.passfile.as_deref()?;
        self.hosts()
            .iter()
            .any(|host| self.ask_passfile(path, host).password.is_some())
            .then(|| format!("the password file {}", path.display()))
    }

    /// What is odd about these settings without being an error: a password file that others may read is ignored.
    /// One sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let Some(path) = self.passfile.as_deref() else {
            return Vec::new();
        };
        if self.password_file.is_some() || self.password.is_some() {
            return Vec::new();
        }
        let mut warnings: Vec<String> = self
            .hosts()
            .iter()
            .filter_map(|host| self.ask_passfile(path, host).warning)
            .collect();
        warnings.dedup();
        warnings
    }

    /// These settings as the `postgres` crate takes them; password files are read now.
    ///
    /// Prefer [`connect`](Self::connect), which can do what a [`Config`] cannot: a password of its own for each of
    /// several hosts, a time limit that includes the login, and all values of `target_session_attrs`.
    ///
    /// # Errors
    ///
    /// A password file cannot be read; the password file has different passwords for the hosts; or
    /// `target_session_attrs` is `primary`, `standby` or `prefer-standby`.
    pub fn to_config(&self) -> Result<Config, Error> {
        let hosts = self.hosts();
        let target = match self.target {
            TargetSessionAttrs::Any => config::TargetSessionAttrs::Any,
            TargetSessionAttrs::ReadWrite => config::TargetSessionAttrs::ReadWrite,
            TargetSessionAttrs::ReadOnly => config::TargetSessionAttrs::ReadOnly,
            TargetSessionAttrs::Primary
            | TargetSessionAttrs::Standby
            | TargetSessionAttrs::PreferStandby => {
                return Err(Error::connection_settings(
                    "target_session_attrs primary, standby and prefer-standby need ConnectionSettings::connect; \
                     use read-write or read-only"
                        .into(),
                ));
            }
        };
        let mut passwords = Vec::new();
        for host in &hosts {
            passwords.push(self.password_for(host)?);
        }
        passwords.dedup();
        let [password] = passwords.as_slice() else {
            return Err(Error::connection_settings(
                "the password file has different passwords for the hosts; that needs ConnectionSettings::connect"
                    .into(),
            ));
        };
        let mut config = self.base_config(password.as_deref());
        for host in &hosts {
            host.add_to(&mut config);
        }
        config.target_session_attrs(target);
        if self.random_order {
            config.load_balance_hosts(LoadBalanceHosts::Random);
        }
        Ok(config)
    }

    /// Connects, as libpq does: the hosts one after the other until one takes us and has the right
    /// `target_session_attrs`. A host that refuses the login ends the search.
    ///
    /// The login runs on a thread of its own, so that the time limit covers all of it. A server that accepts
    /// connections and never answers keeps that thread until it does.
    ///
    /// # Errors
    ///
    /// The call is made inside an async runtime ([`Error::is_async_context`]), no host could be reached in time
    /// ([wraps](Error::get_ref) an [`std::io::Error`] or the last host's [`postgres::Error`]), the server refused the login, or a
    /// password file cannot be read. The error names the server, the user and the database, and repeats the
    /// [warnings](Self::warnings).
    pub fn connect(&self) -> Result<Client, Error> {
        async_context::block(|| {
            self.connect_to_any()
                .map_err(|error| error.at(self.place()))
        })
    }

    /// Where this leads to, for an error.
    fn place(&self) -> ConnectionTarget {
        ConnectionTarget {
            user: self.user.clone(),
            database: self.database.clone(),
            server: self.server(),
            warnings: self.warnings(),
        }
    }

    /// All but the hosts.
    fn base_config(&self, password: Option<&str>) -> Config {
        let mut config = Config::new();
        config
            .user(&self.user)
            .dbname(&self.database)
            .application_name(
                self.application_name
                    .as_deref()
                    .unwrap_or(&self.fallback_application_name),
            )
            .ssl_mode(SslMode::Disable)
            .keepalives(self.keepalives.is_some());
        if let Some(password) = password {
            config.password(password);
        }
        if let Some(options) = &self.options {
            config.options(options);
        }
        if let Some(limit) = self.connect_timeout {
            config.connect_timeout(limit);
        }
        if let Some(limit) = self.tcp_user_timeout {
            config.tcp_user_timeout(limit);
        }
        if let Some(keepalives) = self.keepalives {
            config
                .keepalives_idle(keepalives.idle)
                .keepalives_interval(keepalives.interval)
                .keepalives_retries(keepalives.count);
        }
        config
    }

    /// The hosts in their order; the default one where none is named.
    fn hosts(&self) -> Vec<Host> {
        if !self.hosts.is_empty() {
            return self.hosts.clone();
        }
        let name = self
            .socket_directories
            .iter()
            .find(|directory| {
                directory
                    .join(format!(".s.PGSQL.{}", self.default_port))
                    .exists()
            })
            .and_then(|directory| directory.to_str())
            .unwrap_or("localhost");
        vec![Host {
            name: name.into(),
            address: None,
            port: self.default_port,
        }]
    }

    /// The password for one host: password file, then string, service or variable, then libpq's password file.
    fn password_for(&self, host: &Host) -> Result<Option<String>, Error> {
        if let Some(path) = &self.password_file {
            return password_file::read(path).map(Some);
        }
        if let Some((password, _)) = &self.password {
            return Ok(Some(password.clone()));
        }
        Ok(self
            .passfile
            .as_deref()
            .and_then(|path| self.ask_passfile(path, host).password))
    }

    fn ask_passfile(&self, path: &Path, host: &Host) -> passfile::Answer {
        let name = match (host.name.as_str(), host.address) {
            (DEFAULT_SOCKET_DIRECTORY, _) => "localhost".to_owned(),
            ("", Some(address)) => address.to_string(),
            (name, _) => name.to_owned(),
        };
        passfile::look_up(path, &name, host.port, &self.database, &self.user)
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
            .field("target", &self.target)
            .field("random_order", &self.random_order)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
