//! The budgets beside the measured values.

use serde::Serialize;

use super::evidence::Evidence;
use crate::measure::number::grouped;
use crate::measure::spread::Spread;
use crate::measure::workload::Workload;
use crate::plan::{CONNECT_PG_1_1_5_SESSIONS, FEW_SESSIONS, MANY_SESSIONS};
use crate::stages::Findings;
use crate::stages::comparison::Ratio;
use crate::stages::pruning::Pruning;
use crate::stores::bare_postgres::BarePostgres;
use crate::stores::connect_pg::pool::ConnectPg;
use crate::stores::connect_pg::shared_pool::SharedPool;
use crate::stores::connect_pg_1_1_5::ConnectPg115;
use crate::stores::connect_pg_simple::ConnectPgSimple;
use crate::stores::hand_written::HandWritten;
use crate::stores::hand_written_users::HandWrittenUsers;
use crate::stores::redis::{
    REDIS_THREADS, REDIS_THREADS_ALWAYS, REDIS_THREADS_EVERY_SECOND, RedisStore,
};
use crate::stores::table_store::TableClient;
use crate::stores::tasks::connect_pg::ConnectPgTasks;
use crate::stores::tasks::redis::RedisTasks;
use crate::stores::tasks::tower_sessions::SqlxTasks;
use crate::stores::tower_sessions::TowerSessions;

/// A budget: a limit and the measured value.
#[derive(Debug, Clone, Serialize)]
pub struct Budget {
    pub what: String,
    pub measured: String,
    /// The same ratio by another measure.
    pub beside: String,
    pub limit: String,
    pub verdict: Verdict,
}

/// The result of comparing a value with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Met,
    Missed,
    NotMeasured,
}

/// What a ratio is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// Calls per second: one of the two waits, for the disk or for its turn.
    Calls,
    /// Processor time of clients and server: both only compute. Other programs distort it less.
    Cpu,
    /// Processor time of the server.
    ServerCpu,
}

impl By {
    fn of(self, ratio: &Ratio) -> Option<Spread> {
        match self {
            By::Calls => ratio.calls,
            By::Cpu => ratio.cpu,
            By::ServerCpu => ratio.server_cpu,
        }
    }

    fn name(self) -> &'static str {
        match self {
            By::Calls => "calls/s",
            By::Cpu => "processor time",
            By::ServerCpu => "the server's processor time",
        }
    }
}

impl Budget {
    /// Creates a budget for a ratio.
    fn ratio(what: impl Into<String>, ratio: Option<Ratio>, by: By, least: f64) -> Budget {
        let median = ratio.and_then(|ratio| by.of(&ratio));
        let beside = if by == By::Calls { By::Cpu } else { By::Calls };
        let beside_it = ratio.and_then(|ratio| beside.of(&ratio));
        Budget {
            what: what.into(),
            measured: median.map_or_else(not_measured, |spread| format!("{spread} x")),
            beside: beside_it.map_or_else(String::new, |spread| {
                format!("{spread} x {}", beside.name())
            }),
            limit: format!("at least {least} x {}", by.name()),
            verdict: Verdict::new(median.map(|spread| spread.median >= least)),
        }
    }

    /// Creates a budget for a single value.
    fn at_most(
        what: impl Into<String>,
        measured: Option<f64>,
        most: f64,
        unit: &str,
        digits: usize,
    ) -> Budget {
        Budget {
            what: what.into(),
            measured: measured.map_or_else(not_measured, |value| format!("{value:.digits$}{unit}")),
            beside: String::new(),
            limit: format!("at most {most:.digits$}{unit}"),
            verdict: Verdict::new(measured.map(|value| value <= most)),
        }
    }
}

impl Verdict {
    fn new(met: Option<bool>) -> Verdict {
        match met {
            Some(true) => Verdict::Met,
            Some(false) => Verdict::Missed,
            None => Verdict::NotMeasured,
        }
    }
}

fn not_measured() -> String {
    "not measured".to_owned()
}

/// Returns true if every measured budget is met.
pub fn all_met(budgets: &[Budget]) -> bool {
    budgets
        .iter()
        .all(|budget| budget.verdict != Verdict::Missed)
}

/// Compares what was measured with the budgets.
pub fn judge(findings: &Findings) -> Vec<Budget> {
    let evidence = &Evidence(findings);
    let mut budgets = Vec::new();
    requests_in_flight(evidence, &mut budgets);
    for (other, name, least) in [
        (RedisStore::NAME, "Redis GET + EXPIRE", 1.3),
        (HandWritten::NAME, "hand-written SELECT + UPDATE", 6.0),
        (TowerSessions::NAME, "tower-sessions-sqlx-store", 10.0),
        (ConnectPgSimple::NAME, "connect-pg-simple", 10.0),
    ] {
        let ratio = evidence.ratio(Workload::Rolling, other);
        budgets.push(Budget::ratio(
            format!("rolling request / {name}"),
            ratio,
            By::Calls,
            least,
        ));
    }
    let ratio = evidence.ratio(Workload::Load, HandWritten::NAME);
    budgets.push(Budget::ratio(
        "load / hand-written prepared SELECT",
        ratio,
        By::ServerCpu,
        0.85,
    ));
    save(evidence, &mut budgets);
    sessions_of_users(evidence, &mut budgets);
    let old = evidence
        .comparison_at(
            Workload::Load,
            ConnectPg115::NAME,
            CONNECT_PG_1_1_5_SESSIONS,
        )
        .and_then(|c| c.ratio(ConnectPg::NAME, ConnectPg115::NAME));
    budgets.push(Budget::ratio(
        format!(
            "load / connect-pg 1.1.5's function, at {} sessions",
            grouped(CONNECT_PG_1_1_5_SESSIONS)
        ),
        old,
        By::Calls,
        500.0,
    ));
    slides(evidence, &mut budgets);
    let (many, scale) = findings
        .scale
        .map_or((MANY_SESSIONS, None), |(many, ratio)| (many, Some(ratio)));
    budgets.push(Budget::ratio(
        format!(
            "load at {} sessions / at {}",
            grouped(many),
            grouped(FEW_SESSIONS)
        ),
        scale,
        By::Cpu,
        0.8,
    ));
    pruning(findings.pruning.as_ref(), &mut budgets);
    client(findings, evidence, &mut budgets);
    for budget in &mut budgets {
        if budget.verdict == Verdict::NotMeasured
            && let Some((_, reason)) = findings
                .missing
                .iter()
                .find(|(name, _)| budget.what.contains(name))
        {
            budget.measured = format!("not measured: {reason}");
        }
    }
    budgets
}

/// Judges requests in flight. Threads share 4 connections, tasks 8.
fn requests_in_flight(evidence: &Evidence<'_>, budgets: &mut Vec<Budget>) {
    let threads = SharedPool::NAME;
    let tasks = ConnectPgTasks::NAME;
    let ratio = |workload, a, b| evidence.in_flight_ratio(workload, a, b);
    budgets.push(Budget::ratio(
        "load, 64 threads / 4 threads, pool of 4",
        ratio(Workload::Load, (threads, 64), (threads, 4)),
        By::Calls,
        1.5,
    ));
    let latencies = evidence.cell(Workload::Load, threads, 64);
    budgets.push(Budget::at_most(
        "load, 64 threads, pool of 4: p99 / p50",
        latencies.map(|cell| cell.result.p99_us / cell.result.p50_us.max(0.001)),
        10.0,
        " x",
        1,
    ));
    for (in_flight, least) in [(64, 0.85), (256, 1.0)] {
        for (redis, sends) in [
            (RedisTasks::NAME, "GET, then EXPIRE"),
            (RedisTasks::PIPELINED, "GET + EXPIRE in one round trip"),
        ] {
            budgets.push(Budget::ratio(
                format!("rolling, {in_flight} tasks / Redis multiplexed, {sends}"),
                ratio(Workload::Rolling, (tasks, in_flight), (redis, in_flight)),
                By::Calls,
                least,
            ));
        }
    }
    budgets.push(Budget::ratio(
        "rolling, 64 threads / Redis, a connection a thread",
        ratio(Workload::Rolling, (threads, 64), (REDIS_THREADS, 64)),
        By::Calls,
        1.3,
    ));
    for (ours, not_grouped, every_second, always) in [
        (
            threads,
            SharedPool::NOT_GROUPED,
            REDIS_THREADS_EVERY_SECOND,
            REDIS_THREADS_ALWAYS,
        ),
        (
            tasks,
            ConnectPgTasks::NOT_GROUPED,
            RedisTasks::EVERY_SECOND,
            RedisTasks::ALWAYS,
        ),
    ] {
        for (other, name, least) in [
            (not_grouped, "without grouping", 4.0),
            (always, "Redis SET, appendfsync always", 0.6),
            (every_second, "Redis SET, appendfsync everysec", 0.3),
        ] {
            budgets.push(Budget::ratio(
                format!("save, 64 in flight, {ours} / {name}"),
                ratio(Workload::Save, (ours, 64), (other, 64)),
                By::Calls,
                least,
            ));
        }
    }
    for (ours, not_grouped) in [
        (threads, SharedPool::NOT_GROUPED),
        (tasks, ConnectPgTasks::NOT_GROUPED),
    ] {
        budgets.push(Budget::ratio(
            format!("load, 4 in flight, {ours}: grouped / not grouped"),
            ratio(Workload::Load, (ours, 4), (not_grouped, 4)),
            By::Cpu,
            0.97,
        ));
    }
    for (in_flight, least) in [(4, 10.0), (64, 15.0)] {
        budgets.push(Budget::ratio(
            format!("rolling, {in_flight} tasks / tower-sessions-sqlx-store"),
            ratio(
                Workload::Rolling,
                (tasks, in_flight),
                (SqlxTasks::NAME, in_flight),
            ),
            By::Calls,
            least,
        ));
    }
}

fn save(evidence: &Evidence<'_>, budgets: &mut Vec<Budget>) {
    let comparison = evidence.comparison(Workload::Save, HandWritten::NAME);
    let ratio = comparison.and_then(|c| c.ratio(ConnectPg::NAME, HandWritten::NAME));
    budgets.push(Budget::ratio(
        "save / hand-written upsert",
        ratio,
        By::Cpu,
        0.95,
    ));
    let wal = |store| Some(comparison?.store(store)?.server?.wal_bytes);
    let (new, upsert) = (wal(ConnectPg::NAME), wal(HandWritten::NAME));
    budgets.push(Budget::at_most(
        "WAL per save without full pages, against the upsert's",
        new,
        upsert.unwrap_or_default(),
        " B",
        0,
    ));
}

/// Judges by processor time, because these calls wait for the disk.
fn sessions_of_users(evidence: &Evidence<'_>, budgets: &mut Vec<Budget>) {
    for (workload, other, least) in [
        (Workload::Create, "INSERT", 0.7),
        (Workload::Login, "SELECT + UPDATE of key and user", 0.6),
    ] {
        let ratio = evidence.ratio(workload, HandWrittenUsers::NAME);
        let what = format!("{workload} / hand-written {other}");
        budgets.push(Budget::ratio(what, ratio, By::ServerCpu, least));
    }
}

fn slides(evidence: &Evidence<'_>, budgets: &mut Vec<Budget>) {
    let per_call = |workload| {
        evidence
            .comparison(workload, ConnectPg::NAME)?
            .store(ConnectPg::NAME)?
            .server
    };
    budgets.push(Budget::at_most(
        "WAL per rolling request at one a second, without full pages",
        per_call(Workload::Rolling).map(|server| server.wal_bytes),
        20.0,
        " B",
        1,
    ));
    let hot = per_call(Workload::RollingSeldom).and_then(|server| server.hot_share);
    budgets.push(Budget {
        what: "heap-only share of slides".to_owned(),
        measured: hot.map_or_else(not_measured, |share| format!("{:.2} %", share * 100.0)),
        beside: String::new(),
        limit: "at least 99 %".to_owned(),
        verdict: Verdict::new(hot.map(|share| share >= 0.99)),
    });
}

fn pruning(pruning: Option<&Pruning>, budgets: &mut Vec<Budget>) {
    let at = pruning.map_or_else(String::new, |p| {
        format!(
            " {} expired among {} live",
            grouped(p.expired),
            grouped(p.live)
        )
    });
    budgets.push(Budget::at_most(
        format!("pruning{at}: the clients' p99 with / without"),
        pruning.map(|p| p.p99_us_with / p.p99_us_without.max(0.001)),
        2.0,
        " x",
        2,
    ));
    let waits = pruning.map(|p| (p.deadlocks, p.long_lock_waits));
    budgets.push(Budget {
        what: "pruning: deadlocks, lock waits over 100 ms".to_owned(),
        measured: waits.map_or_else(not_measured, |(deadlocks, waits)| {
            format!("{deadlocks}, {waits}")
        }),
        beside: String::new(),
        limit: "none".to_owned(),
        verdict: Verdict::new(waits.map(|waits| waits == (0, 0))),
    });
    for when in ["after vacuum", "filled up again"] {
        let growth = pruning.and_then(|p| p.worst_growth(when));
        budgets.push(Budget {
            what: format!("pruning: size {when} / before (worst of table and indexes)"),
            measured: growth.as_ref().map_or_else(not_measured, |(name, growth)| {
                format!("{growth:.2} x ({name})")
            }),
            beside: String::new(),
            limit: "at most 1.20 x".to_owned(),
            verdict: Verdict::new(growth.map(|(_, growth)| growth <= 1.2)),
        });
    }
}

fn client(findings: &Findings, evidence: &Evidence<'_>, budgets: &mut Vec<Budget>) {
    let ratio = evidence.ratio(Workload::Load, BarePostgres::NAME);
    budgets.push(Budget::ratio(
        "load / the bare postgres crate, same function",
        ratio,
        By::Cpu,
        0.95,
    ));
    budgets.push(Budget::at_most(
        "allocations per load beyond the bare crate's",
        findings
            .allocations_per_load
            .map(|a| a.connect_pg - a.bare_postgres),
        10.0,
        "",
        1,
    ));
    budgets.push(Budget::at_most(
        "round trips of a pool check-out",
        findings.round_trips_per_load.map(|trips| trips - 1.0),
        0.0,
        "",
        0,
    ));
}
