//! The budgets, and what was measured beside them.

use serde::Serialize;

use crate::compare::Comparison;
use crate::pruning::Pruning;
use crate::run::Side;
use crate::sides::bare::Bare;
use crate::sides::hand_written::HandWritten;
use crate::sides::original::Original;
use crate::sides::ours::ConnectPgByPool;
use crate::sides::tower::Tower;
use crate::sides::{redis, simple};
use crate::spread::Spread;
use crate::workload::Workload;

/// Clients at work where a budget is measured.
pub const CLIENTS: u32 = 4;
/// Sessions, where not said otherwise.
pub const SESSIONS: u32 = 1_000_000;
/// Sessions where the original is measured.
pub const ORIGINAL_SESSIONS: u32 = 100_000;
/// The two sizes whose loads are compared.
pub const FEW_SESSIONS: u32 = 10_000;
pub const MANY_SESSIONS: u32 = 10_000_000;

/// One row.
#[derive(Debug, Clone, Serialize)]
pub struct Budget {
    pub what: String,
    pub measured: String,
    pub limit: String,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Ok,
    Short,
    NotMeasured,
}

impl Budget {
    /// `measured` is at least `least`, by the median of its rounds.
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
            verdict: Verdict::of(measured.map(|spread| spread.median >= least)),
        }
    }

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
            verdict: Verdict::of(measured.map(|value| value <= most)),
        }
    }
}

impl Verdict {
    fn of(met: Option<bool>) -> Verdict {
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

/// All that the budgets are about.
pub struct Evidence<'a> {
    pub comparisons: &'a [Comparison],
    pub pruning: Option<&'a Pruning>,
    /// Allocations per load: ours, the bare crate's.
    pub allocations: Option<(f64, f64)>,
    pub round_trips_per_load: Option<f64>,
    /// Loads at the most sessions, as a share of those at the fewest.
    pub scale: Option<(u32, Spread)>,
    /// Why a side is missing.
    pub missing: &'a [(&'static str, String)],
}

impl Evidence<'_> {
    /// The comparison at the most sessions that has both sides.
    fn comparison(
        &self,
        workload: Workload,
        sides: &[&str],
        sessions: Option<u32>,
    ) -> Option<&Comparison> {
        self.comparisons
            .iter()
            .filter(|c| c.workload == workload && c.clients == CLIENTS && c.bytes < 1000)
            .filter(|c| sessions.is_none_or(|sessions| c.sessions == sessions))
            .filter(|c| sides.iter().all(|side| c.side(side).is_some()))
            .filter(|c| sessions.is_some() || c.sessions <= SESSIONS)
            .max_by_key(|c| c.sessions)
    }

    fn ratio(&self, workload: Workload, other: &str) -> Option<Spread> {
        self.comparison(workload, &[OURS, other], None)?
            .ratio(OURS, other)
    }
}

const OURS: &str = ConnectPgByPool::NAME;

pub fn judge(evidence: &Evidence<'_>) -> Vec<Budget> {
    let mut budgets = Vec::new();
    for (other, name, least) in [
        (redis::NAME, "Redis GET + EXPIRE", 1.3),
        (HandWritten::NAME, "hand-written SELECT + UPDATE", 6.0),
        (Tower::NAME, "tower-sessions-sqlx-store", 10.0),
        (simple::NAME, "connect-pg-simple", 10.0),
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
    let original = evidence
        .comparison(
            Workload::Load,
            &[OURS, Original::NAME],
            Some(ORIGINAL_SESSIONS),
        )
        .and_then(|c| c.ratio(OURS, Original::NAME));
    budgets.push(Budget::at_least(
        "load / the original connect-pg's function, at 100,000 sessions",
        original,
        500.0,
        " x",
    ));
    slides(evidence, &mut budgets);
    let (many, scale) = evidence
        .scale
        .map_or((MANY_SESSIONS, None), |(many, spread)| (many, Some(spread)));
    budgets.push(Budget::at_least(
        format!(
            "load at {} sessions / at {}",
            crate::report::count(many),
            crate::report::count(FEW_SESSIONS)
        ),
        scale,
        0.8,
        " x",
    ));
    pruning(evidence.pruning, &mut budgets);
    client(evidence, &mut budgets);
    for budget in &mut budgets {
        if budget.verdict == Verdict::NotMeasured
            && let Some((_, why)) = evidence
                .missing
                .iter()
                .find(|(name, _)| budget.what.contains(name))
        {
            budget.measured = format!("not measured: {why}");
        }
    }
    budgets
}

fn save(evidence: &Evidence<'_>, budgets: &mut Vec<Budget>) {
    let comparison = evidence.comparison(Workload::Save, &[OURS, HandWritten::NAME], None);
    let ratio = comparison.and_then(|c| c.ratio(OURS, HandWritten::NAME));
    budgets.push(Budget::at_least(
        "save / hand-written upsert",
        ratio,
        0.95,
        " x",
    ));
    let wal = |side| Some(comparison?.side(side)?.server?.wal_bytes);
    let (ours, theirs) = (wal(OURS), wal(HandWritten::NAME));
    budgets.push(Budget::at_most(
        "WAL per save, full pages apart, against the upsert's",
        ours,
        theirs.unwrap_or_default(),
        " B",
        0,
    ));
}

fn slides(evidence: &Evidence<'_>, budgets: &mut Vec<Budget>) {
    let per_call = |workload| {
        evidence
            .comparison(workload, &[OURS], None)?
            .side(OURS)?
            .server
    };
    budgets.push(Budget::at_most(
        "WAL per rolling request at one a second, full pages apart",
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
        verdict: Verdict::of(hot.map(|share| share >= 0.99)),
    });
}

fn pruning(pruning: Option<&Pruning>, budgets: &mut Vec<Budget>) {
    let at = pruning.map_or_else(String::new, |p| {
        format!(
            " {} expired among {} live",
            crate::report::count(p.expired),
            crate::report::count(p.live)
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
        verdict: Verdict::of(waits.map(|waits| waits == (0, 0))),
    });
    for when in ["after vacuum", "filled up again"] {
        let growth = pruning.and_then(|p| p.worst_growth(when));
        budgets.push(Budget {
            what: format!("pruning: size {when} / before (table or index, the worst)"),
            measured: growth.as_ref().map_or_else(not_measured, |(name, growth)| {
                format!("{growth:.2} x ({name})")
            }),
            limit: "at most 1.20 x".to_owned(),
            verdict: Verdict::of(growth.map(|(_, growth)| growth <= 1.2)),
        });
    }
}

fn client(evidence: &Evidence<'_>, budgets: &mut Vec<Budget>) {
    let ratio = evidence.ratio(Workload::Load, Bare::NAME);
    budgets.push(Budget::at_least(
        "our client / the bare postgres crate, the same function",
        ratio,
        0.95,
        " x",
    ));
    budgets.push(Budget::at_most(
        "allocations per load more than the bare crate's",
        evidence.allocations.map(|(ours, bare)| ours - bare),
        10.0,
        "",
        1,
    ));
    budgets.push(Budget::at_most(
        "round trips of a pool check-out",
        evidence.round_trips_per_load.map(|trips| trips - 1.0),
        0.0,
        "",
        0,
    ));
}

/// The sides that a budget compares with ours.
pub fn needs(workload: Workload, side: &dyn Side) -> bool {
    let name = side.name();
    name == OURS
        || match workload {
            Workload::Load => [HandWritten::NAME, Bare::NAME].contains(&name),
            Workload::Rolling => {
                [HandWritten::NAME, Tower::NAME, simple::NAME, redis::NAME].contains(&name)
            }
            Workload::Save => name == HandWritten::NAME,
            _ => false,
        }
}
