//! Deadlocks and long lock waits, as PostgreSQL reports them.

use anyhow::{Context, Result};

use super::postgres::{Relation, Server};

impl Server {
    /// Returns the deadlocks so far in a table's database.
    pub fn deadlocks(&self, relation: &Relation) -> Result<i64> {
        self.with("postgres", |client| {
            let sql = "select deadlocks from pg_stat_database where datname = $1::text";
            Ok(client.query_one(sql, &[&relation.database])?.get(0))
        })
    }

    /// Returns the length of the server's log.
    pub fn log_length(&self) -> Result<i64> {
        self.with("postgres", |client| {
            Ok(client
                .query_one("select (pg_stat_file(pg_current_logfile())).size", &[])?
                .get(0))
        })
    }

    /// Counts the lock waits in the log from a position on. With `log_lock_waits`, the server logs each wait that lasts longer
    /// than `deadlock_timeout`.
    pub fn long_lock_waits(&self, from: i64) -> Result<u32> {
        self.with("postgres", |client| {
            let log: String = client
                .query_one(
                    "select pg_read_file(pg_current_logfile(), $1, 100000000)",
                    &[&from],
                )?
                .get(0);
            let waits = log
                .lines()
                .filter(|line| line.contains(" still waiting for "))
                .count();
            u32::try_from(waits).context("too many waits")
        })
    }
}
