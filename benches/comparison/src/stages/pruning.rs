//! Pruning under load: its effect on the clients and on the size of the table.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use connect_pg::Store;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::measure::histogram::{self, microseconds};
use crate::measure::job::{Job, Until};
use crate::measure::workload::Workload;
use crate::plan::{BUDGET_CLIENTS, Plan};
use crate::server::postgres::{RUNTIME_ROLE, Relation, Server};
use crate::storage::Sizes;
use crate::stores::connect_pg::data::{self, Age};
use crate::stores::connect_pg::pool::ConnectPg;
use crate::stores::store::ComparedStore;
use crate::stores::table_store::TableStore;
use crate::stores::threads::Threads;

/// Rows of a batch: the default of the client's pruner.
const BATCH: u32 = 1000;

/// What pruning did.
#[derive(Debug, Clone, Serialize)]
pub struct Pruning {
    pub live: u32,
    pub expired: u32,
    pub clients: u32,
    pub deleted: u64,
    pub rescheduled: u64,
    /// How long pruning took.
    pub seconds: f64,
    /// The clients' calls per second and p99 without pruning and with it.
    pub calls_without: f64,
    pub calls_with: f64,
    pub p99_us_without: f64,
    pub p99_us_with: f64,
    pub deadlocks: i64,
    /// Lock waits over 100 ms, by the server's log.
    pub long_lock_waits: u32,
    pub sizes: Vec<Sizes>,
    pub timeline: Timeline,
}

/// The p99 of the clients' calls in each interval.
#[derive(Debug, Clone, Serialize)]
pub struct Timeline {
    pub interval_seconds: f64,
    pub p99_us: Vec<f64>,
    pub pruning_from: f64,
    pub pruning_to: f64,
}

impl Pruning {
    /// Returns the part that has grown most since the first reading, and its growth as a factor.
    pub fn worst_growth(&self, when: &str) -> Option<(String, f64)> {
        let first = self.sizes.first()?;
        let later = self.sizes.iter().find(|sizes| sizes.when == when)?;
        later.worst_growth(first)
    }
}

/// Fills a store with live and expired sessions, and prunes it while clients do the mixed workload.
pub fn measure(server: &Server, plan: &Plan, bytes: usize) -> Result<Pruning> {
    let live = plan.pruning;
    let relation = data::fill(
        server,
        "connect_pg_pruning",
        live * 2,
        bytes,
        Age::HalfExpired,
    )?;
    server.checkpoint()?;
    // On as in production; the comparisons run without autovacuum.
    server.autovacuum(true)?;
    let result = prune_under_load(server, plan, &relation, bytes);
    server.autovacuum(false)?;
    server.drop_database(&relation.database)?;
    result
}

fn prune_under_load(
    server: &Server,
    plan: &Plan,
    relation: &Relation,
    bytes: usize,
) -> Result<Pruning> {
    let live = plan.pruning;
    let (calm, interval) = plan.pruning_times();
    let clients = Threads::new(TableStore::<ConnectPg>::new(server, relation.clone()));
    let stop = Arc::new(AtomicBool::new(false));
    let job = Job {
        workload: Workload::Mix,
        clients: BUDGET_CLIENTS,
        // The due sessions suffice for so many seconds.
        seconds: 30.0,
        sessions: live,
        bytes,
        seed: 1,
        requests_per_slide: Workload::Mix
            .requests_per_slide(data::slide_interval_seconds(server, &relation.database)?),
        odd_only: true,
        until: Some(Until {
            stop: Arc::clone(&stop),
            interval,
        }),
    };
    clients.prepare(&job)?;
    let store = Store::builder()
        .config(server.config(RUNTIME_ROLE, &relation.database))
        .pool_size(1)
        .connect()?;

    let sizes_before = Sizes::read(server, relation, "before")?;
    let deadlocks_before = server.deadlocks(relation)?;
    let log_before = server.log_length()?;
    let began = Instant::now();
    let (measured, pruned) = thread::scope(|scope| {
        let measuring = scope.spawn(|| clients.run(&job));
        thread::sleep(calm);
        let pruned = prune(&store, began);
        if pruned.is_ok() {
            thread::sleep(calm / 2);
        }
        stop.store(true, Ordering::Relaxed);
        let measured = measuring.join().map_err(|_| anyhow!("a client panicked"))?;
        anyhow::Ok((measured?, pruned?))
    })?;
    drop(store);

    let sizes_after = Sizes::read(server, relation, "after pruning")?;
    vacuum(server, relation)?;
    let sizes_vacuumed = Sizes::read(server, relation, "after vacuum")?;
    // New sessions must fit into the freed space: as many as were deleted.
    data::add(
        server,
        &relation.database,
        live * 2..live * 3,
        live * 2,
        bytes,
        Age::Live,
    )?;
    vacuum(server, relation)?;
    let sizes_refilled = Sizes::read(server, relation, "filled up again")?;

    let latencies = Latencies::split(&measured.timeline, interval, &pruned)?;
    Ok(Pruning {
        live,
        expired: live,
        clients: BUDGET_CLIENTS,
        deleted: pruned.deleted,
        rescheduled: pruned.rescheduled,
        seconds: pruned.to.saturating_sub(pruned.from).as_secs_f64(),
        calls_without: latencies.calls_without,
        calls_with: latencies.calls_with,
        p99_us_without: microseconds(&latencies.without, 0.99),
        p99_us_with: microseconds(&latencies.with, 0.99),
        deadlocks: server.deadlocks(relation)? - deadlocks_before,
        long_lock_waits: server.long_lock_waits(log_before)?,
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

/// Vacuums twice, as autovacuum does in time. The first vacuum empties index pages; the second, after a later transaction, makes
/// them free for use.
fn vacuum(server: &Server, relation: &Relation) -> Result<()> {
    for _ in 0..2 {
        server.batch(&relation.database, "select txid_current()")?;
        server.batch(&relation.database, &format!("vacuum {}", relation.table))?;
    }
    Ok(())
}

/// The result of pruning all that is due.
struct PruneRun {
    deleted: u64,
    rescheduled: u64,
    from: Duration,
    to: Duration,
}

/// Prunes all that is due, as the client's pruner does.
fn prune(store: &Store, began: Instant) -> Result<PruneRun> {
    let from = began.elapsed();
    let (mut deleted, mut rescheduled) = (0, 0);
    loop {
        let batch = store.prune(BATCH)?;
        deleted += u64::from(batch.deleted());
        rescheduled += u64::from(batch.rescheduled());
        thread::sleep(batch.pause());
        if batch.is_complete() {
            return Ok(PruneRun {
                deleted,
                rescheduled,
                from,
                to: began.elapsed(),
            });
        }
    }
}

/// The clients' latencies with pruning and without.
struct Latencies {
    with: Histogram<u64>,
    without: Histogram<u64>,
    calls_with: f64,
    calls_without: f64,
}

impl Latencies {
    /// Splits the intervals of a run at the start and the end of pruning.
    #[allow(clippy::cast_precision_loss)] // counts
    fn split(
        timeline: &[Histogram<u64>],
        interval: Duration,
        pruned: &PruneRun,
    ) -> Result<Latencies> {
        let (mut with, mut without) = (histogram::new()?, histogram::new()?);
        let (mut intervals_with, mut intervals_without) = (0_u32, 0_u32);
        let last = timeline.len().saturating_sub(1);
        for (n, of_interval) in (0_u32..).zip(timeline) {
            let (start, end) = (interval * n, interval * (n + 1));
            if start >= pruned.from && end <= pruned.to {
                with.add(of_interval)?;
                intervals_with += 1;
            } else if n > 0
                && usize::try_from(n)? < last
                && (end <= pruned.from || start >= pruned.to)
            {
                // The first interval contains the first calls of each connection, and the last one is incomplete.
                without.add(of_interval)?;
                intervals_without += 1;
            }
        }
        let per_second = |calls: u64, intervals: u32| {
            calls as f64 / (interval.as_secs_f64() * f64::from(intervals.max(1)))
        };
        Ok(Latencies {
            calls_with: per_second(with.len(), intervals_with),
            calls_without: per_second(without.len(), intervals_without),
            with,
            without,
        })
    }
}
