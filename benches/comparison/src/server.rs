//! The PostgreSQL server under the bench, seen by its superuser: databases, counters, write-ahead log.

use std::collections::HashMap;
use std::env;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use postgres::{Client, Config, NoTls};
use serde::Serialize;

/// The runtime role of our store, and the role that owns the other sides' tables.
pub const OUR_ROLE: &str = "nodepg";
pub const OTHER_ROLE: &str = "bench";

/// How the sides reach their server; PostgreSQL and Redis alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// TCP on the loopback interface
    Tcp,
    /// A Unix socket
    Socket,
}

pub struct Server {
    directory: String,
    port: u16,
    password: String,
    transport: Transport,
    clients: Mutex<HashMap<String, Client>>,
    has_walinspect: bool,
    process: u32,
}

/// Where a side's sessions are.
#[derive(Debug, Clone)]
pub struct Relation {
    pub database: String,
    pub table: &'static str,
}

/// What the server has counted so far.
#[derive(Debug, Clone, Copy)]
pub struct Counters {
    lsn: u64,
    updates: i64,
    hot_updates: i64,
    bytes: i64,
}

/// What the server counted between two looks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    /// Bytes of write-ahead log, full pages apart (as far as the server can tell them apart).
    pub wal: u64,
    pub full_pages: u64,
    pub updates: i64,
    pub hot_updates: i64,
    pub growth: i64,
}

impl Server {
    /// The server that `bin/with-pg` names, with the roles that the sides need.
    pub fn from_env(transport: Transport) -> Result<Server> {
        let of = |name: &str| {
            env::var(name).with_context(|| format!("{name} is not set: run this by bin/bench"))
        };
        let directory = of("PGHOST")?;
        if !directory.starts_with('/') {
            bail!(
                "PGHOST is no socket directory: run this by bin/bench, which starts a server of its own"
            );
        }
        let mut server = Server {
            directory,
            port: of("PGPORT")?.parse()?,
            password: crate::ids::random_id()?,
            transport,
            clients: Mutex::default(),
            has_walinspect: false,
            process: 0,
        };
        let password = server.password.clone();
        server.batch(
            "postgres",
            &format!("create role {OUR_ROLE} login password '{password}'; create role {OTHER_ROLE} login password '{password}'"),
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

    /// The postmaster.
    pub fn process(&self) -> u32 {
        self.process
    }

    pub fn version(&self) -> Result<String> {
        self.with("postgres", |client| {
            Ok(client.query_one("show server_version", &[])?.get(0))
        })
    }

    pub fn setting(&self, name: &str) -> Result<String> {
        self.with("postgres", |client| {
            Ok(client
                .query_one("select current_setting($1)", &[&name])?
                .get(0))
        })
    }

    /// How one of the two roles connects to a database.
    pub fn config(&self, role: &str, database: &str) -> Config {
        let mut config = self.superuser_config(database);
        config.user(role).password(&self.password);
        if self.transport == Transport::Tcp {
            config = Config::new();
            config
                .host("127.0.0.1")
                .port(self.port)
                .user(role)
                .password(&self.password)
                .dbname(database);
        }
        config
    }

    /// The same for a proxy at another port.
    pub fn config_by_port(&self, role: &str, database: &str, port: u16) -> Config {
        let mut config = Config::new();
        config
            .host("127.0.0.1")
            .port(port)
            .user(role)
            .password(&self.password)
            .dbname(database);
        config
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn password(&self) -> &str {
        &self.password
    }

    /// What a driver that is not the `postgres` crate takes for a host.
    pub fn host(&self) -> &str {
        match self.transport {
            Transport::Tcp => "127.0.0.1",
            Transport::Socket => &self.directory,
        }
    }

    fn superuser_config(&self, database: &str) -> Config {
        let mut config = Config::new();
        config
            .host_path(&self.directory)
            .port(self.port)
            .user("postgres")
            .dbname(database)
            .application_name("bench");
        config
    }

    /// A connection of the superuser's own.
    pub fn superuser(&self, database: &str) -> Result<Client> {
        self.superuser_config(database)
            .connect(NoTls)
            .with_context(|| format!("no connection to database {database}"))
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<String, Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something by the superuser's connection to a database, which stays open.
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

    pub fn batch(&self, database: &str, sql: &str) -> Result<()> {
        self.with(database, |client| Ok(client.batch_execute(sql)?))
    }

    pub fn create_database(&self, name: &str) -> Result<()> {
        self.batch(
            "postgres",
            &format!("create database {name} template template0 owner {OTHER_ROLE}"),
        )
    }

    pub fn drop_database(&self, name: &str) -> Result<()> {
        drop(self.clients().remove(name));
        self.batch(
            "postgres",
            &format!("drop database if exists {name} with (force)"),
        )
    }

    /// After a fill: statistics, visibility, all of it in memory as far as it fits, and no dirty page left.
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

    /// Bytes of the table, what lies outside of its rows included, and of its indexes.
    pub fn sizes(&self, relation: &Relation) -> Result<(i64, i64)> {
        self.with(&relation.database, |client| {
            let row = client.query_one(
                "select pg_table_size(to_regclass($1::text)), pg_indexes_size(to_regclass($1::text))",
                &[&relation.table],
            )?;
            Ok((row.get(0), row.get(1)))
        })
    }

    pub fn checkpoint(&self) -> Result<()> {
        self.batch("postgres", "checkpoint")
    }

    /// Turns autovacuum on or off. It is off while sides are compared: it would clean up after one at the cost of another.
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

    /// Waits until the sides' connections are gone: a backend hands over its last counts when it ends.
    fn wait_until_alone(&self) -> Result<()> {
        let give_up = Instant::now() + Duration::from_secs(10);
        loop {
            let others: i64 = self.with("postgres", |client| {
                let sql = "select count(*) from pg_stat_activity where backend_type in ('client backend', 'autovacuum worker')
                    and application_name <> 'bench'";
                Ok(client.query_one(sql, &[])?.get(0))
            })?;
            if others == 0 {
                return Ok(());
            }
            if Instant::now() > give_up {
                bail!("{others} connections of the last run are still there");
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn counters(&self, relation: &Relation) -> Result<Counters> {
        self.wait_until_alone()?;
        self.flush_statistics(&relation.database)?;
        let (updates, hot_updates, bytes) = self.with(&relation.database, |client| {
            let row = client.query_one(
                "select pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_hot_updated(c.oid), pg_total_relation_size(c.oid)
                 from pg_class as c where c.oid = to_regclass($1::text)",
                &[&relation.table],
            )?;
            Ok((row.get(0), row.get(1), row.get(2)))
        })?;
        Ok(Counters {
            lsn: self.flushed_lsn()?,
            updates,
            hot_updates,
            bytes,
        })
    }

    /// The end of the log, all of it flushed.
    pub fn flushed_lsn(&self) -> Result<u64> {
        self.with("postgres", |client| {
            // A commit that has something to write is waited for, and with it all that is in the log before.
            client.batch_execute("select pg_logical_emit_message(true, 'bench', '')")?;
            let text: String = client
                .query_one(
                    "select (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::text",
                    &[],
                )?
                .get(0);
            Ok(text.parse()?)
        })
    }

    pub fn counted(&self, before: Counters, relation: &Relation) -> Result<Counted> {
        let after = self.counters(relation)?;
        let (wal, full_pages) = self.wal_between(before.lsn, after.lsn)?;
        Ok(Counted {
            wal,
            full_pages,
            updates: after.updates - before.updates,
            hot_updates: after.hot_updates - before.hot_updates,
            growth: after.bytes - before.bytes,
        })
    }

    /// Bytes of log records, and of full pages within them.
    pub fn wal_between(&self, from: u64, to: u64) -> Result<(u64, u64)> {
        if to <= from {
            return Ok((0, 0));
        }
        if !self.has_walinspect {
            return Ok((to - from, 0));
        }
        self.with("postgres", |client| {
            let row = client.query_one(
                "select coalesce(sum(w.record_size), 0)::bigint, coalesce(sum(w.fpi_size), 0)::bigint
                 from pg_get_wal_stats('0/0'::pg_lsn + $1::text::numeric, '0/0'::pg_lsn + $2::text::numeric) as w",
                &[&from.to_string(), &to.to_string()],
            )?;
            let (records, pages): (i64, i64) = (row.get(0), row.get(1));
            Ok((u64::try_from(records)?, u64::try_from(pages)?))
        })
    }

    /// Hands over what the superuser's own connection has counted, so that it is not taken for the next side's.
    pub fn flush_statistics(&self, database: &str) -> Result<()> {
        self.batch(database, "select pg_stat_force_next_flush()")
    }
}
