//! The budgets beside the measured values.

use serde::Serialize;

use super::evidence::Evidence;
use crate::measure::number::grouped;
use crate::measure::spread::Spread;
use crate::measure::workload::Workload;
use crate::plan::{CONNECT_PG_1_1_5_SESSIONS, FEW_SESSIONS, MANY_SESSIONS};
use crate::stages::Findings;
use crate::stages::pruning::Pruning;
use crate::stores::bare_postgres::BarePostgres;
use crate::stores::connect_pg::pool::ConnectPg;
use crate::stores::connect_pg_1_1_5::ConnectPg115;
use crate::stores::connect_pg_simple::ConnectPgSimple;
use crate::stores::hand_written::HandWritten;
use crate::stores::hand_written_users::HandWrittenUsers;
use crate::stores::redis::RedisStore;
use crate::stores::table_store::TableClient;
use crate::stores::tower_sessions::TowerSessions;

/// A budget: a limit and the measured value.
#[derive(Debug, Clone, Serialize)]
pub struct Budget {
    pub what: String,
    pub measured: String,
    pub limit: String,
    pub verdict: Verdict,
}

/// The result of comparing a value with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Ok,
    Short,
    NotMeasured,
}

impl Budget {
    /// Creates a budget for the median of several rounds.
    fn at_least(
        what: impl Into<String>,
        measured: Option<Spread>,
        least: f64,
        unit: &str,
    ) -> Budget {
        Budget {
            what: what.into(),
            measured: measured.map_or_else(not_measured, |spread| format!("{spread}{unit}")),
            limit: format!("at least {least}{unit}"),
            verdict: Verdict::new(measured.map(|spread| spread.median >= least)),
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
            limit: format!("at most {most:.digits$}{unit}"),
            verdict: Verdict::new(measured.map(|value| value <= most)),
        }
    }
}

impl Verdict {
    fn new(met: Option<bool>) -> Verdict {
        match met {
            Some(true) => Verdict::Ok,
            Some(false) => Verdict::Short,
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
        .all(|budget| budget.verdict != Verdict::Short)
}

/// Compares what was measured with the budgets.
pub fn judge(findings: &Findings) -> Vec<Budget> {
    let evidence = &Evidence(findings);
    let mut budgets = Vec::new();
    for (other, name, least) in [
        (RedisStore::NAME, "Redis GET + EXPIRE", 1.3),
        (HandWritten::NAME, "hand-written SELECT + UPDATE", 6.0),
        (TowerSessions::NAME, "tower-sessions-sqlx-store", 10.0),
        (ConnectPgSimple::NAME, "connect-pg-simple", 10.0),
    ] {
        let ratio = evidence.ratio(Workload::Rolling, other);
        budgets.push(Budget::at_least(
            format!("rolling request / {name}"),
            ratio,
            least,
            " x",
        ));
    }
    let ratio = evidence.ratio(Workload::Load, HandWritten::NAME);
    budgets.push(Budget::at_least(
        "load / hand-written prepared SELECT",
        ratio,
        0.8,
        " x",
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
    budgets.push(Budget::at_least(
        format!(
            "load / connect-pg 1.1.5's function, at {} sessions",
            grouped(CONNECT_PG_1_1_5_SESSIONS)
        ),
        old,
        500.0,
        " x",
    ));
    slides(evidence, &mut budgets);
    let (many, scale) = findings
        .scale
        .map_or((MANY_SESSIONS, None), |(many, spread)| (many, Some(spread)));
    budgets.push(Budget::at_least(
        format!(
            "load at {} sessions / at {}",
            grouped(many),
            grouped(FEW_SESSIONS)
        ),
        scale,
        0.8,
        " x",
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

fn save(evidence: &Evidence<'_>, budgets: &mut Vec<Budget>) {
    let comparison = evidence.comparison(Workload::Save, HandWritten::NAME);
    let ratio = comparison.and_then(|c| c.ratio(ConnectPg::NAME, HandWritten::NAME));
    budgets.push(Budget::at_least(
        "save / hand-written upsert",
        ratio,
        0.95,
        " x",
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
        (Workload::Create, "INSERT", 0.36),
        (Workload::Login, "SELECT + UPDATE of key and user", 0.32),
    ] {
        budgets.push(Budget::at_least(
            format!("{workload} / hand-written {other}, by processor time of the server"),
            evidence.server_cpu_ratio(workload, HandWrittenUsers::NAME),
            least,
            " x",
        ));
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
            limit: "at most 1.20 x".to_owned(),
            verdict: Verdict::new(growth.map(|(_, growth)| growth <= 1.2)),
        });
    }
}

fn client(findings: &Findings, evidence: &Evidence<'_>, budgets: &mut Vec<Budget>) {
    let ratio = evidence.ratio(Workload::Load, BarePostgres::NAME);
    budgets.push(Budget::at_least(
        "load / the bare postgres crate, same function",
        ratio,
        0.95,
        " x",
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
