//! The PostgreSQL server under the bench, as its superuser sees it.

use std::collections::HashMap;
use std::env;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use connect_pg::tokio_postgres::Config;
use connect_pg::tokio_postgres::config::SslMode;
use postgres::{Client, NoTls};

use super::transport::Transport;
use crate::measure::ids::random_id;

/// The runtime role of connect-pg.
pub const RUNTIME_ROLE: &str = "nodepg";
/// The role that owns the other stores' tables.
pub const TABLE_OWNER: &str = "bench";

/// The private PostgreSQL server, with a connection of the superuser to each database.
pub struct Server {
    directory: String,
    port: u16,
    password: String,
    transport: Transport,
    clients: Mutex<HashMap<String, Client>>,
    has_walinspect: bool,
    process: u32,
}

/// The table that holds a store's sessions.
#[derive(Debug, Clone)]
pub struct Relation {
    pub database: String,
    pub table: &'static str,
}

impl Server {
    /// Connects to the server that `bin/with-pg` started, and creates the roles that the stores need.
    pub fn from_env(transport: Transport) -> Result<Server> {
        let of = |name: &str| {
            env::var(name)
                .with_context(|| format!("{name} is not set: run bin/bench, which sets it"))
        };
        let directory = of("PGHOST")?;
        if !directory.starts_with('/') {
            bail!("PGHOST is no socket directory: run bin/bench, which starts a server of its own");
        }
        let mut server = Server {
            directory,
            port: of("PGPORT")?.parse()?,
            password: random_id()?,
            transport,
            clients: Mutex::default(),
            has_walinspect: false,
            process: 0,
        };
        let password = server.password.clone();
        server.batch(
            "postgres",
            &format!("create role {RUNTIME_ROLE} login password '{password}'; create role {TABLE_OWNER} login password '{password}'"),
        )?;
        server.has_walinspect = server
            .batch("postgres", "create extension pg_walinspect")
            .is_ok();
        server.process = server.with("postgres", |client| {
            let row = client.query_one(
                "select split_part(pg_read_file('postmaster.pid'), chr(10), 1)",
                &[],
            )?;
            Ok(row.get::<_, String>(0).parse()?)
        })?;
        Ok(server)
    }

    /// Returns the process id of the postmaster.
    pub fn process(&self) -> u32 {
        self.process
    }

    /// Returns the server's version.
    pub fn version(&self) -> Result<String> {
        self.with("postgres", |client| {
            Ok(client.query_one("show server_version", &[])?.get(0))
        })
    }

    /// Returns the value of a setting.
    pub fn setting(&self, name: &str) -> Result<String> {
        self.with("postgres", |client| {
            Ok(client
                .query_one("select current_setting($1)", &[&name])?
                .get(0))
        })
    }

    /// Returns the settings by which a role connects to a database.
    pub fn config(&self, role: &str, database: &str) -> Config {
        let mut config = self.superuser_config(database);
        config.user(role).password(&self.password);
        if self.transport == Transport::Tcp {
            config = Config::new();
            config
                .ssl_mode(SslMode::Disable)
                .host("127.0.0.1")
                .port(self.port)
                .user(role)
                .password(&self.password)
                .dbname(database);
        }
        config
    }

    /// Returns the same settings for a proxy at another port.
    pub fn config_by_port(&self, role: &str, database: &str, port: u16) -> Config {
        let mut config = Config::new();
        config
            .ssl_mode(SslMode::Disable)
            .host("127.0.0.1")
            .port(port)
            .user(role)
            .password(&self.password)
            .dbname(database);
        config
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the password of both roles.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Returns the host, for a driver that is not the `postgres` crate.
    pub fn host(&self) -> &str {
        match self.transport {
            Transport::Tcp => "127.0.0.1",
            Transport::Socket => &self.directory,
        }
    }

    /// Returns true if the server can tell full pages from other log.
    pub fn has_walinspect(&self) -> bool {
        self.has_walinspect
    }

    fn superuser_config(&self, database: &str) -> Config {
        let mut config = Config::new();
        config
            .ssl_mode(SslMode::Disable)
            .host_path(&self.directory)
            .port(self.port)
            .user("postgres")
            .dbname(database)
            .application_name("bench");
        config
    }

    /// Opens a new connection as the superuser.
    pub fn superuser(&self, database: &str) -> Result<Client> {
        open(self.superuser_config(database), database)
    }

    /// Opens a new connection as a role.
    pub fn connect(&self, role: &str, database: &str) -> Result<Client> {
        open(self.config(role, database), database)
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<String, Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls a function with the superuser's connection to a database. The connection stays open.
    pub fn with<T>(&self, database: &str, act: impl FnOnce(&mut Client) -> Result<T>) -> Result<T> {
        let kept = self.clients().remove(database);
        let mut client = match kept {
            Some(client) => client,
            None => self.superuser(database)?,
        };
        let result = act(&mut client);
        self.clients().insert(database.to_owned(), client);
        result
    }

    /// Executes SQL as the superuser.
    pub fn batch(&self, database: &str, sql: &str) -> Result<()> {
        self.with(database, |client| Ok(client.batch_execute(sql)?))
    }

    /// Creates a database.
    pub fn create_database(&self, name: &str) -> Result<()> {
        self.batch(
            "postgres",
            &format!("create database {name} template template0 owner {TABLE_OWNER}"),
        )
    }

    /// Drops a database and ends its connections.
    pub fn drop_database(&self, name: &str) -> Result<()> {
        drop(self.clients().remove(name));
        self.batch(
            "postgres",
            &format!("drop database if exists {name} with (force)"),
        )
    }

    /// Prepares a filled table: statistics, visibility map, and its pages in memory as far as they fit.
    pub fn settle(&self, relation: &Relation) -> Result<()> {
        let table = relation.table;
        self.batch(&relation.database, &format!("vacuum (analyze) {table}"))?;
        self.batch(
            &relation.database,
            "create extension if not exists pg_prewarm",
        )?;
        self.batch(
            &relation.database,
            &format!(
                "select pg_prewarm(i.indexrelid::regclass) from pg_index as i where i.indrelid = '{table}'::regclass;
                 select pg_prewarm('{table}')"
            ),
        )
    }

    /// Returns the bytes of the table with its TOAST data, and of its indexes.
    pub fn sizes(&self, relation: &Relation) -> Result<(i64, i64)> {
        self.with(&relation.database, |client| {
            let row = client.query_one(
                "select pg_table_size(to_regclass($1::text)), pg_indexes_size(to_regclass($1::text))",
                &[&relation.table],
            )?;
            Ok((row.get(0), row.get(1)))
        })
    }

    /// Writes a checkpoint.
    pub fn checkpoint(&self) -> Result<()> {
        self.batch("postgres", "checkpoint")
    }

    /// Turns autovacuum on or off.
    pub fn autovacuum(&self, on: bool) -> Result<()> {
        self.batch(
            "postgres",
            &format!(
                "alter system set autovacuum = {}",
                if on { "on" } else { "off" }
            ),
        )?;
        self.batch("postgres", "select pg_reload_conf()")
    }
}

fn open(config: Config, database: &str) -> Result<Client> {
    postgres::Config::from(config)
        .connect(NoTls)
        .with_context(|| format!("no connection to database {database}"))
}
