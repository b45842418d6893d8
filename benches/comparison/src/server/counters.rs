//! What PostgreSQL counts: write-ahead log, updates, bytes on disk.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::postgres::{Relation, Server};

/// What the server has counted so far.
#[derive(Debug, Clone, Copy)]
pub struct Counters {
    lsn: u64,
    updates: i64,
    hot_updates: i64,
    bytes: i64,
}

/// What the server counted between two readings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    /// Bytes of write-ahead log without full pages, as far as the server can tell them apart.
    pub wal: u64,
    pub full_pages: u64,
    pub updates: i64,
    pub hot_updates: i64,
    pub growth: i64,
}

impl Counted {
    /// Adds what another round counted.
    pub fn add(&mut self, other: Counted) {
        self.wal += other.wal;
        self.full_pages += other.full_pages;
        self.updates += other.updates;
        self.hot_updates += other.hot_updates;
        self.growth += other.growth;
    }
}

impl Server {
    /// Reads the counters of a table once all clients have disconnected.
    pub fn counters(&self, relation: &Relation) -> Result<Counters> {
        self.wait_for_disconnects()?;
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

    /// Returns what was counted since an earlier reading.
    pub fn counted_since(&self, before: Counters, relation: &Relation) -> Result<Counted> {
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

    /// Reports what the superuser's connection has counted, so that it does not count for the next store.
    pub fn flush_statistics(&self, database: &str) -> Result<()> {
        self.batch(database, "select pg_stat_force_next_flush()")
    }

    /// Waits until the clients' backends have ended: a backend reports its last counts when it ends.
    fn wait_for_disconnects(&self) -> Result<()> {
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
                bail!("{others} connections of the last run are still open");
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Returns the end of the log after all of it was flushed.
    fn flushed_lsn(&self) -> Result<u64> {
        self.with("postgres", |client| {
            // A commit that writes waits for its flush, which includes everything before it.
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

    /// Returns the bytes of log records, and of full pages within them.
    fn wal_between(&self, from: u64, to: u64) -> Result<(u64, u64)> {
        if to <= from {
            return Ok((0, 0));
        }
        if !self.has_walinspect() {
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
}
