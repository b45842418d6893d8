use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use postgres::Config;

use crate::connection::{ConnectSource, Connector, Pool};
use crate::error::Error;
use crate::functions::SchemaName;
use crate::settings::ConnectionSettings;
use crate::store::store::Store;

/// The longest wait for a connection where the settings name none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// More connections than any server takes.
const MAX_POOL_SIZE: u32 = 10_000;
/// The longest wait for a place in the pool. Far beyond it, the clock's arithmetic would panic.
const MAX_POOL_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// Settings for a [`Store`] with a pool of its own. From [`Store::builder`].
///
/// Mistakes show when the store is made: [`connect`](StoreBuilder::connect) and [`build`](StoreBuilder::build) name them. `Debug`
/// shows no password.
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
#[must_use = "a builder makes a store only when it is told to"]
pub struct StoreBuilder {
    source: Source,
    password_file: Option<PathBuf>,
    schema: Option<String>,
    pool_size: u32,
    pool_timeout: Duration,
    prepare_statements: bool,
    ascii_json: bool,
}

enum Source {
    Environment,
    Url(String),
    Settings(Box<ConnectionSettings>),
    Config(Box<Config>),
}

impl Store {
    /// Connects to the database and keeps a pool of 4 connections at most, with every setting of the
    /// [builder](Store::builder) at its default.
    ///
    /// `database_url` is a URL or `keyword=value` pairs, as `psql` takes them; what it leaves out comes from the `PG*` variables
    /// and the password file: see [`ConnectionSettings`](crate::ConnectionSettings). Log in as the runtime role, `nodepg` by
    /// default.
    ///
    /// # Errors
    ///
    /// Returns an error if the settings are refused, or if no connection can be made now. Whether the store is installed is
    /// not looked at: the first call will tell.
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

    /// Settings for a store with a pool of its own.
    pub fn builder() -> StoreBuilder {
        StoreBuilder::default()
    }
}

impl Default for StoreBuilder {
    fn default() -> StoreBuilder {
        StoreBuilder {
            source: Source::Environment,
            password_file: None,
            schema: None,
            pool_size: 4,
            pool_timeout: CONNECT_TIMEOUT,
            prepare_statements: true,
            ascii_json: false,
        }
    }
}

impl StoreBuilder {
    /// The database, as a URL or as `keyword=value` pairs: see [`ConnectionSettings::parse`]. It may set the
    /// `connect_timeout`, in seconds: 10 by default.
    ///
    /// Default: `DATABASE_URL`, else the `PG*` variables, as [`ConnectionSettings::from_env`] reads them.
    pub fn database_url(mut self, url: &str) -> StoreBuilder {
        self.source = Source::Url(url.to_owned());
        self
    }

    /// The database, as settings that were read before.
    pub fn settings(mut self, settings: ConnectionSettings) -> StoreBuilder {
        self.source = Source::Settings(Box::new(settings));
        self
    }

    /// The database, as the driver's own configuration: nothing is read from the environment. A `connect_timeout` of 10 s is
    /// added where it has none.
    pub fn config(mut self, config: Config) -> StoreBuilder {
        self.source = Source::Config(Box::new(config));
        self
    }

    /// A file whose first line is the password, read again whenever a connection is made: so a password that is rotated
    /// needs no restart. It goes before any other password. Default: none.
    pub fn password_file(mut self, path: impl Into<PathBuf>) -> StoreBuilder {
        self.password_file = Some(path.into());
        self
    }

    /// The schema that the store is installed in, as it is called: it gets quoted, so `Shop` is not `shop`. Default: `web`.
    pub fn schema(mut self, name: &str) -> StoreBuilder {
        self.schema = Some(name.to_owned());
        self
    }

    /// How many connections the pool may hold, from 1 to 10000. Default: 4.
    pub fn pool_size(mut self, size: u32) -> StoreBuilder {
        self.pool_size = size;
        self
    }

    /// How long a call waits for a connection of the pool when all of them are in use: more than zero, 24 hours at most.
    /// Default: 10 s.
    pub fn pool_timeout(mut self, timeout: Duration) -> StoreBuilder {
        self.pool_timeout = timeout;
        self
    }

    /// Whether statements are prepared, once on each connection. Default: true.
    ///
    /// `false` sends each call as an unnamed statement, which is what a transaction pooler needs (PgBouncer's
    /// `pool_mode = transaction` before 1.21, or without `max_prepared_statements`). A call is one round trip either way; an
    /// unnamed one costs the server about half as much again, since it is parsed and planned each time.
    pub fn prepare_statements(mut self, prepare: bool) -> StoreBuilder {
        self.prepare_statements = prepare;
        self
    }

    /// Whether JSON is written in ASCII, with `\uXXXX` for everything else. Default: false.
    ///
    /// Needed where the database's encoding is not UTF8, `EUC_JP` and `LATIN1` for instance, and a character is not in it. A
    /// store with a pool finds out by itself, by SQLSTATE 22P05, and goes on in ASCII. On a borrowed transaction it cannot, since
    /// that error aborts the transaction: set it there.
    pub fn ascii_json(mut self, ascii: bool) -> StoreBuilder {
        self.ascii_json = ascii;
        self
    }

    /// Makes the store and opens its first connection.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting is [refused](Error::is_invalid_argument), if no connection can be made, or if called
    /// [inside an async runtime](Error::is_async_context).
    pub fn connect(self) -> Result<Store, Error> {
        let (pool, schema, ascii) = self.parts()?;
        pool.open_one()?;
        Ok(Store::new(pool, schema, ascii))
    }

    /// Makes the store without connecting: the first call will. For a program that starts before its database.
    ///
    /// Nothing is sent and nothing waited for, so this may be called in an async task too; the calls may not.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting is [refused](Error::is_invalid_argument).
    pub fn build(self) -> Result<Store, Error> {
        let (pool, schema, ascii) = self.parts()?;
        Ok(Store::new(pool, schema, ascii))
    }

    fn parts(self) -> Result<(Pool, SchemaName, bool), Error> {
        if !(1..=MAX_POOL_SIZE).contains(&self.pool_size) {
            return Err(Error::argument("a pool must be of 1 to 10000 connections"));
        }
        if self.pool_timeout.is_zero() || self.pool_timeout > MAX_POOL_TIMEOUT {
            return Err(Error::argument(
                "the pool timeout must be more than zero, and 24 hours at most",
            ));
        }
        let schema = self
            .schema
            .as_deref()
            .map_or_else(|| Ok(SchemaName::default()), SchemaName::new)?;
        let password_file = self.password_file;
        let of_settings = |settings: ConnectionSettings| {
            ConnectSource::Settings(match &password_file {
                Some(path) => settings.password_file(path),
                None => settings,
            })
        };
        let target = match self.source {
            Source::Environment => of_settings(ConnectionSettings::from_env()?),
            Source::Url(url) => of_settings(ConnectionSettings::parse(&url)?),
            Source::Settings(settings) => of_settings(*settings),
            Source::Config(mut config) => {
                if config.get_connect_timeout().is_none() {
                    config.connect_timeout(CONNECT_TIMEOUT);
                }
                ConnectSource::Config {
                    config: *config,
                    password_file,
                }
            }
        };
        let connector = Connector::new(target, self.prepare_statements);
        Ok((
            Pool::new(connector, self.pool_size, self.pool_timeout),
            schema,
            self.ascii_json,
        ))
    }
}

impl fmt::Debug for StoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreBuilder")
            .field("schema", &self.schema)
            .field("pool_size", &self.pool_size)
            .field("pool_timeout", &self.pool_timeout)
            .field("prepare_statements", &self.prepare_statements)
            .field("ascii_json", &self.ascii_json)
            .finish_non_exhaustive()
    }
}
