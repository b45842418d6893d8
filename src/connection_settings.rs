//! Where the server is and how to get in: what users of libpq, and so of `psql`, expect.

mod conninfo;
mod passfile;
mod service;

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::mpsc;
use std::time::Duration;

use postgres::config::{LoadBalanceHosts, SslMode, TargetSessionAttrs};
use postgres::error::SqlState;
use postgres::{Client, Config, NoTls};

use crate::error::Place;
use crate::{Error, async_context, password_file};
use conninfo::Keywords;

/// Where Debian's and the project's own packages put the server's socket, in this order.
const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];
/// The directory whose lines in a password file are written `localhost`.
const DEFAULT_SOCKET_DIRECTORY: &str = SOCKET_DIRECTORIES[0];
/// The system-wide service file of Debian's libpq.
const SYSTEM_SERVICE_FILE: &str = "/etc/postgresql-common/pg_service.conf";

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
    target: Target,
    random_order: bool,
    socket_directories: Vec<PathBuf>,
}

/// One server of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Host {
    /// A name, an address, or a directory (beginning with `/`) that holds a socket. Empty if only `address` is known.
    name: String,
    /// Where to connect to instead of looking the name up.
    address: Option<IpAddr>,
    port: u16,
}

/// Where a password came from: the mend of a wrong one depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PasswordSource {
    ConnectionString,
    Service,
    Environment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Keepalives {
    idle: Duration,
    interval: Duration,
    count: u32,
}

/// libpq's `target_session_attrs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
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
    pub fn password_origin(&self) -> Option<String> {
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
            Target::Any => TargetSessionAttrs::Any,
            Target::ReadWrite => TargetSessionAttrs::ReadWrite,
            Target::ReadOnly => TargetSessionAttrs::ReadOnly,
            Target::Primary | Target::Standby | Target::PreferStandby => {
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
    fn place(&self) -> Place {
        Place {
            user: self.user.clone(),
            database: self.database.clone(),
            server: self.server(),
            warnings: self.warnings(),
        }
    }

    fn connect_to_any(&self) -> Result<Client, Error> {
        let mut hosts = self.hosts();
        if self.random_order {
            shuffle(&mut hosts);
        }
        let rounds: &[Target] = if self.target == Target::PreferStandby {
            &[Target::Standby, Target::Any]
        } else {
            &[self.target]
        };
        let mut last = None;
        for target in rounds {
            for host in &hosts {
                match self.connect_to(host, *target) {
                    Ok(client) => return Ok(client),
                    Err(Attempt::Final(error)) => return Err(error),
                    Err(Attempt::Next(error)) => last = Some(error),
                }
            }
        }
        Err(last
            .unwrap_or_else(|| Error::connection_settings("there is no host to connect to".into())))
    }

    /// One host of [`connect`](Self::connect).
    fn connect_to(&self, host: &Host, target: Target) -> Result<Client, Attempt> {
        let password = self.password_for(host).map_err(Attempt::Final)?;
        let mut config = self.base_config(password.as_deref());
        host.add_to(&mut config);
        let has_password = password.is_some();
        let limit = self.connect_timeout;
        let connected = within(limit, move || config.connect(NoTls))
            .map_err(|error| Attempt::Next(Error::unreachable(error)))?;
        let mut client = connected.map_err(|error| {
            // Only a server that starts up or shuts down sends us on to the next one; any other answer is an answer.
            let answered = error
                .code()
                .is_some_and(|code| *code != SqlState::CANNOT_CONNECT_NOW);
            let error = Error::connect(error, has_password);
            if answered {
                Attempt::Final(error)
            } else {
                Attempt::Next(error)
            }
        })?;
        let question = match target {
            Target::Any | Target::PreferStandby => return Ok(client),
            Target::ReadWrite => "select current_setting('transaction_read_only') = 'off'",
            Target::ReadOnly => "select current_setting('transaction_read_only') = 'on'",
            Target::Primary => "select not pg_catalog.pg_is_in_recovery()",
            Target::Standby => "select pg_catalog.pg_is_in_recovery()",
        };
        match client
            .query_one(question, &[])
            .and_then(|row| row.try_get(0))
        {
            Ok(true) => Ok(client),
            Ok(false) => Err(Attempt::Next(Error::unreachable(std::io::Error::new(
                std::io::ErrorKind::AddrNotAvailable,
                format!(
                    "no server with target_session_attrs={target} was found; the last tried was {host}"
                ),
            )))),
            Err(error) => Err(Attempt::Next(Error::call(error))),
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

    /// The sources put together.
    fn resolve(
        connection_string: Option<&str>,
        environment: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, String> {
        let given = connection_string.map_or_else(|| Ok(Keywords::new()), conninfo::parse)?;
        let from_environment = read_environment(environment)?;
        let home = environment("HOME")
            .filter(|home| !home.is_empty())
            .map(PathBuf::from);
        let service = read_service(&given, &from_environment, home.as_deref())?;
        let sources = Sources(&[&given, &service, &from_environment]);
        sources.refuse_what_is_missing_here()?;

        let default_port = sources
            .get("port")
            .filter(|ports| !ports.contains(','))
            .map_or(Ok(5432), |port| number("port", port))?;
        let mut hosts = read_hosts(&sources)?;
        refuse_tls(&sources, &mut hosts, default_port)?;
        let user = match sources.get("user") {
            Some(user) => user.to_owned(),
            None => whoami::username()
                .map_err(|_| "the operating system does not tell the user's name; name one with user= or PGUSER")?,
        };
        let password = [
            (&given, PasswordSource::ConnectionString),
            (&service, PasswordSource::Service),
            (&from_environment, PasswordSource::Environment),
        ]
        .into_iter()
        .find_map(|(keywords, source)| Some((keywords.get("password")?.clone(), source)))
        .filter(|(password, _)| !password.is_empty());
        let fallback = sources
            .get("fallback_application_name")
            .unwrap_or("connect-pg");
        Ok(Self {
            hosts,
            default_port,
            database: sources
                .get("dbname")
                .map_or_else(|| user.clone(), Into::into),
            user,
            password,
            password_file: None,
            passfile: sources
                .get("passfile")
                .map(PathBuf::from)
                .or_else(|| home.map(|home| home.join(".pgpass"))),
            options: sources.get("options").map(Into::into),
            application_name: sources.get("application_name").map(Into::into),
            fallback_application_name: fallback.into(),
            connect_timeout: sources
                .limit("connect_timeout", 10)?
                .map(Duration::from_secs),
            keepalives: read_keepalives(&sources)?,
            tcp_user_timeout: sources
                .limit("tcp_user_timeout", 30_000)?
                .map(Duration::from_millis),
            target: sources
                .get("target_session_attrs")
                .map_or(Ok(Target::Any), Target::from_str)?,
            random_order: match sources.get("load_balance_hosts") {
                None | Some("disable") => false,
                Some("random") => true,
                Some(_) => return Err("load_balance_hosts is neither disable nor random".into()),
            },
            socket_directories: SOCKET_DIRECTORIES.iter().map(PathBuf::from).collect(),
        })
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

/// Why one host did not do.
enum Attempt {
    /// Try the next one.
    Next(Error),
    /// Stop here.
    Final(Error),
}

impl Host {
    /// An address goes before a directory, as in libpq.
    fn is_socket(&self) -> bool {
        self.address.is_none() && self.name.starts_with('/')
    }

    fn add_to(&self, config: &mut Config) {
        if let Some(address) = self.address {
            // The name serves TLS only, which this build has not got.
            config.host(&address.to_string());
        } else if self.is_socket() {
            config.host_path(&self.name);
        } else {
            config.host(&self.name);
        }
        config.port(self.port);
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, self.address) {
            (name, None) if name.starts_with('/') => {
                write!(f, "the socket in {name} port {}", self.port)
            }
            (name, Some(address)) if name.is_empty() => write!(f, "{address} port {}", self.port),
            (name, Some(address)) => write!(f, "{name} ({address}) port {}", self.port),
            (name, None) => write!(f, "{name} port {}", self.port),
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "any" => Self::Any,
            "read-write" => Self::ReadWrite,
            "read-only" => Self::ReadOnly,
            "primary" => Self::Primary,
            "standby" => Self::Standby,
            "prefer-standby" => Self::PreferStandby,
            _ => {
                return Err(
                    "target_session_attrs is none of any, read-write, read-only, primary, standby, prefer-standby"
                        .into(),
                );
            }
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any",
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::PreferStandby => "prefer-standby",
        })
    }
}

/// The sources of settings, the strongest first.
struct Sources<'a>(&'a [&'a Keywords]);

impl Sources<'_> {
    /// The value of a keyword in the first source that has it. An empty value means the default, as in libpq.
    fn get(&self, keyword: &str) -> Option<&str> {
        self.0
            .iter()
            .find_map(|source| source.get(keyword))
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// A time limit or an interval; 0 and less mean none.
    fn limit(&self, keyword: &str, default: u64) -> Result<Option<u64>, String> {
        let value: i64 = match self.get(keyword) {
            None => return Ok(Some(default)),
            Some(value) => number(keyword, value)?,
        };
        Ok(u64::try_from(value).ok().filter(|&value| value > 0))
    }

    /// Settings whose silent loss would make a connection weaker than asked for.
    fn refuse_what_is_missing_here(&self) -> Result<(), String> {
        let asked = |keyword, harmless: &[&str]| {
            self.get(keyword)
                .is_some_and(|value| !harmless.contains(&value))
        };
        for (keyword, harmless) in [
            ("require_auth", &[] as &[&str]),
            ("requirepeer", &[]),
            ("channel_binding", &["prefer", "disable"]),
            ("gssencmode", &["prefer", "disable"]),
            ("sslnegotiation", &["postgres"]),
            ("replication", &["false", "off", "no", "0"]),
        ] {
            if asked(keyword, harmless) {
                return Err(format!(
                    "this build of connect-pg cannot do what the connection setting {keyword} asks for; \
                     remove it, if the connection is safe without"
                ));
            }
        }
        Ok(())
    }
}

/// All `PG*` variables that are set.
fn read_environment(environment: &dyn Fn(&str) -> Option<OsString>) -> Result<Keywords, String> {
    let mut found = Keywords::new();
    for &(keyword, variable) in conninfo::KEYWORDS {
        if variable.is_empty() {
            continue;
        }
        if let Some(value) = environment(variable) {
            found.insert(keyword, utf8(variable, value)?);
        }
    }
    // An old way to say it, which libpq still hears.
    let required = environment("PGREQUIRESSL").is_some_and(|value| value == "1");
    if required && !found.contains_key("sslmode") {
        found.insert("sslmode", "require".into());
    }
    Ok(found)
}

/// The settings of the service that the connection string or `PGSERVICE` names.
fn read_service(
    given: &Keywords,
    environment: &Keywords,
    home: Option<&Path>,
) -> Result<Keywords, String> {
    let sources = Sources(&[given, environment]);
    let Some(name) = sources.get("service") else {
        return Ok(Keywords::new());
    };
    let own = sources
        .get("servicefile")
        .map(PathBuf::from)
        .or_else(|| home.map(|home| home.join(".pg_service.conf")));
    let mut looked = Vec::new();
    for path in own.into_iter().chain([PathBuf::from(SYSTEM_SERVICE_FILE)]) {
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let found = service::find(&text, name).map_err(|why| {
                    format!(
                        "the connection service \"{name}\" in {} {why}",
                        path.display()
                    )
                })?;
                if let Some(found) = found {
                    return Ok(found);
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(format!(
                    "the service file {} cannot be read: {error}",
                    path.display()
                ));
            }
        }
        looked.push(path.display().to_string());
    }
    Err(format!(
        "the connection service \"{name}\" (service= or PGSERVICE) is in none of {}; add a section [{name}] there, \
         or name the server in the connection string, DATABASE_URL or PGHOST",
        looked.join(", ")
    ))
}

/// `host`, `hostaddr` and `port`, each a list separated by commas. None named: an empty list.
fn read_hosts(sources: &Sources<'_>) -> Result<Vec<Host>, String> {
    let list = |keyword| -> Vec<&str> {
        sources
            .get(keyword)
            .map_or_else(Vec::new, |list| list.split(',').collect())
    };
    let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    if names.is_empty() && addresses.is_empty() {
        return if ports.len() > 1 {
            Err(format!("{} ports are named, but no host", ports.len()))
        } else {
            Ok(Vec::new())
        };
    }
    let count = names.len().max(addresses.len());
    if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
        return Err(format!(
            "{} hosts do not go with {} addresses (host and hostaddr, or PGHOST and PGHOSTADDR)",
            names.len(),
            addresses.len()
        ));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(format!(
            "{} ports do not go with {count} hosts",
            ports.len()
        ));
    }
    let mut hosts = Vec::new();
    for at in 0..count {
        let port = match ports.get(at).or(ports.first()) {
            None | Some(&"") => 5432,
            Some(port) => number("port", port)?,
        };
        let address = match addresses.get(at) {
            None | Some(&"") => None,
            Some(address) => Some(address.parse().map_err(|_| {
                format!("hostaddr \"{address}\" is not an IP address; names go into host")
            })?),
        };
        let name = match (names.get(at), address) {
            (None | Some(&""), None) => default_name(port),
            (None, Some(_)) => String::new(),
            (Some(name), _) => (*name).to_owned(),
        };
        if name.starts_with('@') {
            return Err("a host that begins with @ (an abstract socket) is not supported; name the socket's directory".into());
        }
        hosts.push(Host {
            name,
            address,
            port,
        });
    }
    Ok(hosts)
}

/// What an empty entry in a list of hosts stands for.
fn default_name(port: u16) -> String {
    SOCKET_DIRECTORIES
        .iter()
        .find(|directory| {
            Path::new(directory)
                .join(format!(".s.PGSQL.{port}"))
                .exists()
        })
        .map_or_else(|| "localhost".into(), ToString::to_string)
}

/// Never go on without TLS where it was asked for. On a socket libpq does not use it either.
fn refuse_tls(
    sources: &Sources<'_>,
    hosts: &mut Vec<Host>,
    default_port: u16,
) -> Result<(), String> {
    let mode = match sources.get("sslmode") {
        // libpq's meaning of the value: verify against the system's authorities.
        _ if sources.get("sslrootcert") == Some("system") => "verify-full",
        None => "prefer",
        Some(mode) => mode,
    };
    match mode {
        "disable" | "allow" | "prefer" => return Ok(()),
        "require" | "verify-ca" | "verify-full" => {}
        _ => {
            return Err(
                "sslmode is none of disable, allow, prefer, require, verify-ca, verify-full".into(),
            );
        }
    }
    if hosts.is_empty() {
        // Named now, so that the default cannot become TCP later, when the socket is gone.
        hosts.push(Host {
            name: default_name(default_port),
            address: None,
            port: default_port,
        });
    }
    if hosts.iter().all(Host::is_socket) {
        return Ok(());
    }
    Err(format!(
        "sslmode={mode} asks for TLS, which this build of connect-pg does not have yet, and it will not go on without; \
         connect through the server's unix socket (host=/var/run/postgresql), through a TLS tunnel on this machine \
         (with sslmode=disable), or, on a network that you trust, with sslmode=disable"
    ))
}

fn read_keepalives(sources: &Sources<'_>) -> Result<Option<Keepalives>, String> {
    if sources.limit("keepalives", 1)?.is_none() {
        return Ok(None);
    }
    let count = match sources.get("keepalives_count") {
        None => 6,
        Some(count) => number("keepalives_count", count)?,
    };
    Ok(Some(Keepalives {
        idle: Duration::from_secs(sources.limit("keepalives_idle", 60)?.unwrap_or(60)),
        interval: Duration::from_secs(sources.limit("keepalives_interval", 10)?.unwrap_or(10)),
        count,
    }))
}

fn number<N: FromStr>(keyword: &str, value: &str) -> Result<N, String> {
    value
        .trim()
        .parse()
        .map_err(|_| format!("the connection setting {keyword} is not a number in its range"))
}

fn utf8(variable: &str, value: OsString) -> Result<String, String> {
    value
        .into_string()
        .map_err(|_| format!("the environment variable {variable} is not UTF-8 text"))
}

/// Runs a connect on a thread of its own, waiting no longer than the limit.
fn within<T: Send + 'static>(
    limit: Option<Duration>,
    connect: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<T> {
    let (answer, answered) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("connect-pg connect".into())
        .spawn(move || {
            // Nobody waits any more: the connection is closed here.
            let _ = answer.send(connect());
        })?;
    let failed = |kind, text| std::io::Error::new(kind, text);
    match limit {
        None => answered
            .recv()
            .map_err(|_| failed(std::io::ErrorKind::Other, "the thread that connects died")),
        Some(limit) => answered.recv_timeout(limit).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => failed(
                std::io::ErrorKind::TimedOut,
                "the server did not complete the login within connect_timeout",
            ),
            mpsc::RecvTimeoutError::Disconnected => {
                failed(std::io::ErrorKind::Other, "the thread that connects died")
            }
        }),
    }
}

/// A random order; without a random source the given one.
fn shuffle(hosts: &mut [Host]) {
    for last in (1..hosts.len()).rev() {
        let mut random = [0; 8];
        if getrandom::fill(&mut random).is_err() {
            return;
        }
        let bound = u64::try_from(last + 1).unwrap_or(u64::MAX);
        let at = usize::try_from(u64::from_le_bytes(random) % bound).unwrap_or(last);
        hosts.swap(at, last);
    }
}

#[cfg(test)]
mod tests;
