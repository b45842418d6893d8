//! Pruning while clients work: what they notice of it, and what it leaves of the table.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use connect_pg::Store;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::histogram::{self, microseconds};
use crate::run::{Job, Side, Threads, Until};
use crate::server::{OUR_ROLE, Relation, Server};
use crate::sides::ours::{self, Age, ConnectPgByPool};
use crate::workload::Workload;

/// The pruner's batches, as by default.
const BATCH: u32 = 1000;

#[derive(Debug, Clone, Serialize)]
pub struct Pruning {
    pub live: u32,
    pub expired: u32,
    pub clients: u32,
    pub deleted: u64,
    pub rescheduled: u64,
    /// How long the pruner took.
    pub seconds: f64,
    /// The clients' calls per second and p99 before and after it, and while it worked.
    pub calls_without: f64,
    pub calls_with: f64,
    pub p99_us_without: f64,
    pub p99_us_with: f64,
    pub deadlocks: i64,
    /// Waits for a lock that lasted over 100 ms, by the server's log.
    pub long_lock_waits: u32,
    pub sizes: Vec<Sizes>,
    pub timeline: Timeline,
}

/// Bytes of the table and of each index.
#[derive(Debug, Clone, Serialize)]
pub struct Sizes {
    pub when: &'static str,
    pub bytes: BTreeMap<String, i64>,
}

/// p99 of the clients' calls in each interval.
#[derive(Debug, Clone, Serialize)]
pub struct Timeline {
    pub interval_seconds: f64,
    pub p99_us: Vec<f64>,
    pub pruning_from: f64,
    pub pruning_to: f64,
}

impl Pruning {
    /// How much larger the part that grew most was at a later look than at the first.
    pub fn worst_growth(&self, when: &str) -> Option<(String, f64)> {
        let first = self.sizes.first()?;
        let later = self.sizes.iter().find(|sizes| sizes.when == when)?;
        #[allow(clippy::cast_precision_loss)] // bytes of files
        let growth = |name: &String, bytes: i64| {
            bytes as f64 / first.bytes.get(name).copied().unwrap_or(1).max(1) as f64
        };
        later
            .bytes
            .iter()
            .map(|(name, bytes)| (name.clone(), growth(name, *bytes)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

/// Fills a store of its own, half of it expired, and prunes that while the clients go about the mixed workload.
///
/// `calm` is how long they are watched before the pruner starts; half as long after it.
pub fn measure(
    server: &Server,
    live: u32,
    bytes: usize,
    clients: u32,
    calm: Duration,
    interval: Duration,
) -> Result<Pruning> {
    let database = "ours_pruning";
    let relation = ours::fill(server, database, live * 2, bytes, Age::HalfExpired)?;
    server.checkpoint()?;
    // As in production; the comparisons do without.
    server.autovacuum(true)?;
    let result = watch(server, &relation, live, bytes, clients, calm, interval);
    server.autovacuum(false)?;
    server.drop_database(database)?;
    result
}

fn watch(
    server: &Server,
    relation: &Relation,
    live: u32,
    bytes: usize,
    clients: u32,
    calm: Duration,
    interval: Duration,
) -> Result<Pruning> {
    let side = Threads::new(ConnectPgByPool::new(server, relation.clone()));
    let stop = Arc::new(AtomicBool::new(false));
    let job = Job {
        workload: Workload::Mix,
        clients,
        // So long does what is made due now last.
        seconds: 30.0,
        sessions: live,
        bytes,
        seed: 1,
        requests_per_slide: Workload::Mix
            .requests_per_slide(ours::slide_interval_seconds(server, &relation.database)?),
        odd_only: true,
        until: Some(Until {
            stop: Arc::clone(&stop),
            interval,
        }),
    };
    side.prepare(&job)?;
    let store = Store::builder()
        .config(server.config(OUR_ROLE, &relation.database))
        .pool_size(1)
        .connect()?;

    let sizes_before = sizes(server, relation, "before")?;
    let deadlocks_before = deadlocks(server, relation)?;
    let log_before = log_size(server)?;
    let began = Instant::now();
    let (measured, pruned) = thread::scope(|scope| {
        let clients = scope.spawn(|| side.run(&job));
        thread::sleep(calm);
        let pruned = prune(&store, began);
        if pruned.is_ok() {
            thread::sleep(calm / 2);
        }
        stop.store(true, Ordering::Relaxed);
        let measured = clients.join().map_err(|_| anyhow!("a client panicked"))?;
        anyhow::Ok((measured?, pruned?))
    })?;
    drop(store);

    let sizes_after = sizes(server, relation, "after pruning")?;
    vacuum(server, relation)?;
    let sizes_vacuumed = sizes(server, relation, "after vacuum")?;
    // What was freed must be of use: as many new sessions as were removed.
    ours::add(
        server,
        &relation.database,
        live * 2..live * 3,
        live * 2,
        bytes,
        Age::Live,
    )?;
    vacuum(server, relation)?;
    let sizes_refilled = sizes(server, relation, "filled up again")?;

    let watched = Watched::of(&measured.timeline, interval, &pruned)?;
    Ok(Pruning {
        live,
        expired: live,
        clients,
        deleted: pruned.deleted,
        rescheduled: pruned.rescheduled,
        seconds: pruned.to.saturating_sub(pruned.from).as_secs_f64(),
        calls_without: watched.calls_without,
        calls_with: watched.calls_with,
        p99_us_without: microseconds(&watched.without, 0.99),
        p99_us_with: microseconds(&watched.with, 0.99),
        deadlocks: deadlocks(server, relation)? - deadlocks_before,
        long_lock_waits: long_lock_waits(server, log_before)?,
        sizes: vec![sizes_before, sizes_after, sizes_vacuumed, sizes_refilled],
        timeline: Timeline {
            interval_seconds: interval.as_secs_f64(),
            p99_us: measured
                .timeline
                .iter()
                .map(|h| microseconds(h, 0.99))
                .collect(),
            pruning_from: pruned.from.as_secs_f64(),
            pruning_to: pruned.to.as_secs_f64(),
        },
    })
}

/// Twice, as autovacuum does in time: an index page that one empties is free for use by the next, once a later transaction
/// has passed.
fn vacuum(server: &Server, relation: &Relation) -> Result<()> {
    for _ in 0..2 {
        server.batch(&relation.database, "select txid_current()")?;
        server.batch(&relation.database, &format!("vacuum {}", relation.table))?;
    }
    Ok(())
}

struct PruneBatch {
    deleted: u64,
    rescheduled: u64,
    from: Duration,
    to: Duration,
}

/// What the client's pruner does in one round.
fn prune(store: &Store, began: Instant) -> Result<PruneBatch> {
    let from = began.elapsed();
    let (mut deleted, mut rescheduled) = (0, 0);
    loop {
        let batch = store.prune(BATCH)?;
        deleted += u64::from(batch.deleted());
        rescheduled += u64::from(batch.rescheduled());
        thread::sleep(batch.pause());
        if batch.is_complete() {
            return Ok(PruneBatch {
                deleted,
                rescheduled,
                from,
                to: began.elapsed(),
            });
        }
    }
}

/// The intervals that lie within the pruning, and those without.
struct Watched {
    with: Histogram<u64>,
    without: Histogram<u64>,
    calls_with: f64,
    calls_without: f64,
}

impl Watched {
    #[allow(clippy::cast_precision_loss)] // counts
    fn of(timeline: &[Histogram<u64>], interval: Duration, pruned: &PruneBatch) -> Result<Watched> {
        let (mut with, mut without) = (histogram::new()?, histogram::new()?);
        let (mut intervals_with, mut intervals_without) = (0_u32, 0_u32);
        let last = timeline.len().saturating_sub(1);
        for (n, latencies) in (0_u32..).zip(timeline) {
            let (start, end) = (interval * n, interval * (n + 1));
            if start >= pruned.from && end <= pruned.to {
                with.add(latencies)?;
                intervals_with += 1;
            } else if n > 0
                && usize::try_from(n)? < last
                && (end <= pruned.from || start >= pruned.to)
            {
                // The first one has the connections' first calls in it, the last one is not whole.
                without.add(latencies)?;
                intervals_without += 1;
            }
        }
        let per_second = |calls: u64, intervals: u32| {
            calls as f64 / (interval.as_secs_f64() * f64::from(intervals.max(1)))
        };
        Ok(Watched {
            calls_with: per_second(with.len(), intervals_with),
            calls_without: per_second(without.len(), intervals_without),
            with,
            without,
        })
    }
}

fn sizes(server: &Server, relation: &Relation, when: &'static str) -> Result<Sizes> {
    server.with(&relation.database, |client| {
        let rows = client.query(
            "select 'table', pg_table_size($1::text::regclass)
             union all
             select c.relname, pg_relation_size(c.oid)
             from pg_index as i
             join pg_class as c on c.oid = i.indexrelid
             where i.indrelid = $1::text::regclass",
            &[&relation.table],
        )?;
        Ok(Sizes {
            when,
            bytes: rows.iter().map(|row| (row.get(0), row.get(1))).collect(),
        })
    })
}

fn deadlocks(server: &Server, relation: &Relation) -> Result<i64> {
    server.with("postgres", |client| {
        let sql = "select deadlocks from pg_stat_database where datname = $1::text";
        Ok(client.query_one(sql, &[&relation.database])?.get(0))
    })
}

fn log_size(server: &Server) -> Result<i64> {
    server.with("postgres", |client| {
        Ok(client
            .query_one("select (pg_stat_file(pg_current_logfile())).size", &[])?
            .get(0))
    })
}

/// With `log_lock_waits`, the server logs each wait that lasts longer than `deadlock_timeout`.
fn long_lock_waits(server: &Server, from: i64) -> Result<u32> {
    server.with("postgres", |client| {
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
