use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, Socket};

use super::store::Store;
use crate::connection::{ConnectSource, Connector, GroupMode, Pool, PoolOptions};
use crate::error::Error;
use crate::functions::SchemaName;
use crate::settings::{ConnectionSettings, CustomConnector};

/// The longest wait for a connection, unless the settings name one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest wait for the reply to a call, unless the settings name one.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A server process keeps its caches for as long as it lives, and a host name may lead elsewhere by then.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// Below it, the server could not answer in time.
const MIN_CALL_TIMEOUT: Duration = Duration::from_millis(10);
/// The connections of a synchronous store.
const DEFAULT_POOL_SIZE: u32 = 4;
/// More connections than any server accepts.
const MAX_POOL_SIZE: u32 = 10_000;
/// The longest wait for a connection of the pool. Far beyond it, the clock's arithmetic would panic.
const MAX_POOL_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// Settings for a store with a pool of its own. From [`Store::builder`].
///
/// `S` is the store that it creates: a [`Store`], or with the feature `tokio` an asynchronous one. The settings are the same.
///
/// [`connect`](StoreBuilder::connect) and [`build`](StoreBuilder::build) check them. `Debug` shows no password.
///
/// # Examples
///
/// ```no_run
/// use connect_pg::Store;
///
/// # fn main() -> Result<(), connect_pg::Error> {
/// let store = Store::builder()
///     .database_url("postgresql://nodepg@db-1,db-2/app?target_session_attrs=read-write")
///     .password_file("/run/secrets/nodepg")
///     .schema("shop_sessions")
///     .pool_size(8)
///     .connect()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "call connect or build"]
pub struct StoreBuilder<S = Store> {
    source: Source,
    password_file: Option<PathBuf>,
    tls: Option<CustomConnector>,
    schema: Option<String>,
    /// None means the default of the kind of store.
    pool_size: Option<u32>,
    pool_timeout: Duration,
    connection_max_lifetime: Duration,
    connection_idle_timeout: Option<Duration>,
    prepare_statements: Option<bool>,
    call_timeout: Duration,
    group_mode: GroupMode,
    ascii_json: bool,
    store: PhantomData<fn() -> S>,
}

/// What a store with a pool of its own is made of.
pub(crate) struct StoreParts {
    pub(crate) connector: Connector,
    pub(crate) options: PoolOptions,
    pub(crate) pool_timeout: Duration,
    pub(crate) schema: SchemaName,
    pub(crate) ascii_json: bool,
}

enum Source {
    Environment,
    Url(String),
    Settings(Box<ConnectionSettings>),
    Config(Box<Config>),
}

impl Store {
    /// Connects to the database, with a pool of at most 4 connections and every setting of the [builder](Store::builder) at its
    /// default.
    ///
    /// `database_url` is a URL or `keyword=value` pairs, as `psql` takes them. What it leaves out comes from the `PG*` variables
    /// and the password file: see [`ConnectionSettings`]. Log in as the runtime role, `nodepg` by
    /// default.
    ///
    /// # Errors
    ///
    /// Returns an error if the settings are invalid, or if no connection can be made. It does not check whether the store is
    /// installed; the first call does.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> Result<(), connect_pg::Error> {
    /// let store = connect_pg::Store::connect("postgresql://nodepg@localhost/app")?;
    /// println!("{} live sessions", store.count()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect(database_url: &str) -> Result<Store, Error> {
        Store::builder().database_url(database_url).connect()
    }

    /// Returns the settings of a store with a pool of its own, to be changed.
    pub fn builder() -> StoreBuilder {
        StoreBuilder::new()
    }
}

impl Default for StoreBuilder {
    fn default() -> StoreBuilder {
        StoreBuilder::new()
    }
}

impl<S> StoreBuilder<S> {
    pub(crate) fn new() -> StoreBuilder<S> {
        StoreBuilder {
            source: Source::Environment,
            password_file: None,
            tls: None,
            schema: None,
            pool_size: None,
            pool_timeout: CONNECT_TIMEOUT,
            connection_max_lifetime: MAX_LIFETIME,
            connection_idle_timeout: None,
            prepare_statements: None,
            call_timeout: CALL_TIMEOUT,
            group_mode: GroupMode::Waiting,
            ascii_json: false,
            store: PhantomData,
        }
    }

    /// Sets the database, as a URL or as `keyword=value` pairs: see [`ConnectionSettings::parse`]. It may set the
    /// `connect_timeout`, in seconds: 10 by default.
    ///
    /// Default: `DATABASE_URL`, else the `PG*` variables, as [`ConnectionSettings::from_env`] reads them.
    pub fn database_url(mut self, url: &str) -> StoreBuilder<S> {
        self.source = Source::Url(url.to_owned());
        self
    }

    /// Sets the database by settings that were read before.
    pub fn settings(mut self, settings: ConnectionSettings) -> StoreBuilder<S> {
        self.source = Source::Settings(Box::new(settings));
        self
    }

    /// Sets the database by the driver's own configuration. Nothing is read from the environment. A `connect_timeout` of 10 s is
    /// added if it has none.
    ///
    /// Its `ssl_mode` `Prefer` counts as not set, because it is the default: sockets and loopback addresses have no TLS, and every
    /// other host must prove its name to the authorities of the system, as with `Require`. Set `Disable` for none.
    pub fn config(mut self, config: Config) -> StoreBuilder<S> {
        self.source = Source::Config(Box::new(config));
        self
    }

    /// Sets a file that has the password, one a line. It is read for each connection, so a rotated password needs no restart. It
    /// goes before any other password. Default: none.
    ///
    /// During a rotation the file has the old and the new password. A connection tries the next line if the server refuses one
    /// (28P01). A password that is wrong for good fails at once, and is no [outage](Error::is_unavailable).
    pub fn password_file(mut self, path: impl Into<PathBuf>) -> StoreBuilder<S> {
        self.password_file = Some(path.into());
        self
    }

    /// Sets the connector that makes the TLS handshakes, that of `postgres-native-tls` for example. Default: rustls, with the
    /// feature `tls`.
    ///
    /// [`ConnectionSettings::connector`] says when it is used. With a [`config`](StoreBuilder::config), it is used for every host
    /// but a socket, unless its `ssl_mode` is `Disable`.
    pub fn connector<T>(mut self, connector: T) -> StoreBuilder<S>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::TlsConnect: Send,
        T::Stream: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        self.tls = Some(CustomConnector::new(connector));
        self
    }

    /// Sets the schema of the store, without quotes; `Shop` is not `shop`. Default: `web`.
    pub fn schema(mut self, name: &str) -> StoreBuilder<S> {
        self.schema = Some(name.to_owned());
        self
    }

    /// Sets how many connections the pool may hold, from 1 to 10000. Default: 4.
    ///
    /// A connection serves a call in the time of a round trip, and calls that wait [share the next one](StoreBuilder::group_calls).
    /// So 1 or 2 for each processor of the server are enough. More of them let fewer calls share one.
    ///
    /// Calls that may wait for a locked session use at most half of them; a pool of 3 or fewer has 1 for such calls. So the
    /// requests of one visitor who waits for a lock do not delay all other visitors. A pool of 1 cannot prevent that.
    /// An asynchronous store divides them [in another way](crate::tokio::Pool), and has 8 by default.
    pub fn pool_size(mut self, size: u32) -> StoreBuilder<S> {
        self.pool_size = Some(size);
        self
    }

    /// Sets how long a call waits for a connection of the pool if all are in use: more than zero, 24 hours at most.
    /// [`with_locked`](Store::with_locked) waits for its own `lock_timeout` instead. Default: 10 s.
    pub fn pool_timeout(mut self, timeout: Duration) -> StoreBuilder<S> {
        self.pool_timeout = timeout;
        self
    }

    /// Sets how old a connection of the pool may grow, more than zero. An older one is replaced at its next use, or closed.
    /// Default: 30 minutes.
    pub fn connection_max_lifetime(mut self, lifetime: Duration) -> StoreBuilder<S> {
        self.connection_max_lifetime = lifetime;
        self
    }

    /// Sets how long a connection of the pool may stay idle, more than zero, or `None` for any time. After that it is replaced
    /// at its next use, or closed when another is released. Default: `None`.
    ///
    /// Set it where a firewall drops idle connections.
    pub fn connection_idle_timeout(mut self, timeout: Option<Duration>) -> StoreBuilder<S> {
        self.connection_idle_timeout = timeout;
        self
    }

    /// Sets whether statements are prepared, once on each connection. Default: on connections straight to the server.
    ///
    /// Each new connection finds out whether there is a pooler in between. Behind a pooler, each call is an unnamed statement: on a
    /// connection of the server that programs share, a name could be another program's statement. A call is one round trip either
    /// way. An unnamed one costs the server about half as much again, because it is parsed and planned each time.
    ///
    /// `true` prepares behind a pooler too. That is for session pooling (PgBouncer's `pool_mode = session`) and for poolers that
    /// keep track of statements (PgBouncer 1.21 with `max_prepared_statements`). `false` never prepares.
    pub fn prepare_statements(mut self, prepare: bool) -> StoreBuilder<S> {
        self.prepare_statements = Some(prepare);
        self
    }

    /// Sets how long a call waits for the server's reply, from 10 milliseconds to 24 hours. Default: 30 s.
    ///
    /// The server gets a `statement_timeout` that is a tenth shorter, by one second at most, and ends a call that is too slow. So the
    /// error (SQLSTATE 57014) says that nothing was changed. If the server does not answer at all, since it is frozen or a network
    /// drops its packets, the call gives up at this time and closes the connection. It is not repeated, and the outcome of a change
    /// [is unknown](Error::is_outcome_unknown). Both errors are [unavailable](Error::is_unavailable). A
    /// [`with_locked`](Store::with_locked) waits for its `lock_timeout` in addition.
    ///
    /// A `statement_timeout` of the role, or of the connection string (`options=-c statement_timeout=5s`), stays as it is. So does a
    /// `lock_timeout`; without one it is 10 s. Behind a pooler the connection sets neither: set them for the role.
    pub fn call_timeout(mut self, timeout: Duration) -> StoreBuilder<S> {
        self.call_timeout = timeout;
        self
    }

    /// Sets whether loads and saves that wait for a connection of the pool share the next one. Default: true.
    ///
    /// If all connections are in use, up to 64 waiting loads, or saves, become one call of the database. A call that finds a free
    /// connection goes at once and by itself. The outcomes are those of single calls. The saves of a group commit together, and
    /// a session that is locked, or otherwise needs the ordinary call, gets it.
    /// If the server does not answer a group's call in time, all its calls get that error.
    ///
    /// The asynchronous store has groups also while a connection is free: of loads, when each reading connection has one, and of
    /// saves, when two are under way.
    pub fn group_calls(mut self, group: bool) -> StoreBuilder<S> {
        self.group_mode = if group {
            GroupMode::Waiting
        } else {
            GroupMode::Never
        };
        self
    }

    /// Makes every load and save part of a group, if only of one: for tests of the grouped calls.
    #[doc(hidden)]
    pub fn group_all_calls(mut self) -> StoreBuilder<S> {
        self.group_mode = GroupMode::All;
        self
    }

    /// Sets whether JSON is written in ASCII, with `\uXXXX` for everything else. Default: false.
    ///
    /// It is necessary if the database's encoding is not UTF8, `EUC_JP` or `LATIN1` for example, and lacks a character. A
    /// store with a pool finds out by SQLSTATE 22P05, and goes on in ASCII. In a transaction that error aborts the transaction,
    /// so set it there.
    pub fn ascii_json(mut self, ascii: bool) -> StoreBuilder<S> {
        self.ascii_json = ascii;
        self
    }

    /// Checks the settings.
    pub(crate) fn parts(self, default_pool_size: u32) -> Result<StoreParts, Error> {
        let pool_size = self.pool_size.unwrap_or(default_pool_size);
        if !(1..=MAX_POOL_SIZE).contains(&pool_size) {
            return Err(Error::argument(
                "the pool size must be from 1 to 10000 connections",
            ));
        }
        if self.pool_timeout.is_zero() || self.pool_timeout > MAX_POOL_TIMEOUT {
            return Err(Error::argument(
                "the pool timeout must be more than zero, and 24 hours at most",
            ));
        }
        if self.call_timeout < MIN_CALL_TIMEOUT || self.call_timeout > MAX_POOL_TIMEOUT {
            return Err(Error::argument(
                "the call timeout must be 10 milliseconds at least, and 24 hours at most",
            ));
        }
        let idle_timeout = self.connection_idle_timeout;
        if self.connection_max_lifetime.is_zero()
            || idle_timeout.is_some_and(|timeout| timeout.is_zero())
        {
            return Err(Error::argument(
                "the lifetime and the idle timeout of a connection must be more than zero",
            ));
        }
        let schema = self
            .schema
            .as_deref()
            .map_or_else(|| Ok(SchemaName::default()), SchemaName::new)?;
        let password_file = self.password_file;
        let of_settings = |mut settings: ConnectionSettings| -> Result<ConnectSource, Error> {
            if let Some(path) = &password_file {
                settings = settings.password_file(path);
            }
            if let Some(connector) = &self.tls {
                settings = settings.custom_connector(connector.clone());
            }
            settings.check()?;
            Ok(ConnectSource::Settings(Box::new(settings)))
        };
        let source = match self.source {
            Source::Environment => of_settings(ConnectionSettings::from_env()?)?,
            Source::Url(url) => of_settings(ConnectionSettings::parse(&url)?)?,
            Source::Settings(settings) => of_settings(*settings)?,
            Source::Config(mut config) => {
                if config.get_connect_timeout().is_none() {
                    config.connect_timeout(CONNECT_TIMEOUT);
                }
                ConnectSource::Config {
                    config,
                    password_file,
                    tls: self.tls,
                }
            }
        };
        let connector = Connector::new(source, self.prepare_statements, self.call_timeout);
        let options = PoolOptions {
            size: pool_size,
            max_lifetime: self.connection_max_lifetime,
            idle_timeout,
            group_mode: self.group_mode,
        };
        Ok(StoreParts {
            connector,
            options,
            pool_timeout: self.pool_timeout,
            schema,
            ascii_json: self.ascii_json,
        })
    }
}

impl StoreBuilder {
    /// Creates the store and opens its first connection.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting is [invalid](Error::is_invalid_argument), if no connection can be made, or if called
    /// [inside an async runtime](Error::is_async_context).
    pub fn connect(self) -> Result<Store, Error> {
        let parts = self.parts(DEFAULT_POOL_SIZE)?;
        let pool = Pool::new(parts.connector, parts.options, parts.pool_timeout);
        pool.open_one()?;
        Ok(Store::new(pool, parts.schema, parts.ascii_json))
    }

    /// Creates the store without connecting, for a program that starts before its database. The first call connects.
    ///
    /// Nothing is sent and nothing waits, so this may be called in an async task. The calls may not.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting is [invalid](Error::is_invalid_argument).
    pub fn build(self) -> Result<Store, Error> {
        let parts = self.parts(DEFAULT_POOL_SIZE)?;
        let pool = Pool::new(parts.connector, parts.options, parts.pool_timeout);
        Ok(Store::new(pool, parts.schema, parts.ascii_json))
    }
}

impl<S> fmt::Debug for StoreBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreBuilder")
            .field("schema", &self.schema)
            .field("pool_size", &self.pool_size)
            .field("pool_timeout", &self.pool_timeout)
            .field("connection_max_lifetime", &self.connection_max_lifetime)
            .field("connection_idle_timeout", &self.connection_idle_timeout)
            .field("prepare_statements", &self.prepare_statements)
            .field("call_timeout", &self.call_timeout)
            .field("group_mode", &self.group_mode)
            .field("ascii_json", &self.ascii_json)
            .finish_non_exhaustive()
    }
}
