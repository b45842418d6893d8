//! Several sides, one after the other, round after round.

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::histogram::{self, microseconds};
use crate::run::{Cpu, Job, Side};
use crate::server::{Counted, Server};
use crate::spread::Spread;
use crate::workload::Workload;

/// What was measured of one workload at one size by so many clients.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    pub workload: Workload,
    pub sessions: u32,
    pub bytes: usize,
    pub clients: u32,
    pub rounds: u32,
    pub seconds: f64,
    pub sides: Vec<SideResult>,
}

#[derive(Debug, Clone, Serialize)]
pub struct SideResult {
    pub side: String,
    pub calls_per_second: Spread,
    /// Of each round.
    pub rounds: Vec<f64>,
    pub p50_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    /// Microseconds of processor time per call: this program's and the server's.
    pub cpu_us: Option<(f64, f64)>,
    /// What the server counted; none of a side that is not in PostgreSQL.
    pub server: Option<PerCall>,
}

/// What a call cost the server, on average.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PerCall {
    pub wal_bytes: f64,
    pub full_page_bytes: f64,
    pub updates: f64,
    /// The share of updates that were heap-only; none if there were none.
    pub hot_share: Option<f64>,
    /// By how many bytes the table and its indexes grew.
    pub growth_bytes: f64,
}

impl Comparison {
    pub fn side(&self, name: &str) -> Option<&SideResult> {
        self.sides.iter().find(|side| side.side == name)
    }

    /// How many times `b`'s calls per second `a` made, round by round.
    pub fn ratio(&self, a: &str, b: &str) -> Option<Spread> {
        let (a, b) = (self.side(a)?, self.side(b)?);
        Spread::of(a.rounds.iter().zip(&b.rounds).map(|(a, b)| a / b))
    }
}

/// One side's rounds so far.
struct Rounds {
    calls_per_second: Vec<f64>,
    latencies: Histogram<u64>,
    calls: u64,
    counted: Counted,
    /// Of the calls within the measured time.
    cpu: Option<Cpu>,
    timed_calls: u64,
}

/// Runs the job on all the sides in turn, so many times. Each round starts with another side.
///
/// `server` counts what the sides cost it.
pub fn compare(server: &Server, sides: &[&dyn Side], job: &Job, rounds: u32) -> Result<Comparison> {
    let sides: Vec<&dyn Side> = sides
        .iter()
        .copied()
        .filter(|side| side.does(job.workload))
        .collect();
    let mut results = Vec::new();
    for _ in &sides {
        results.push(Rounds {
            calls_per_second: Vec::new(),
            latencies: histogram::new()?,
            calls: 0,
            counted: Counted::default(),
            cpu: Some(Cpu::default()),
            timed_calls: 0,
        });
    }
    server.checkpoint()?;
    for round in 0..rounds {
        let job = Job {
            seed: u64::from(round) + 1,
            ..job.clone()
        };
        for turn in 0..sides.len() {
            let place = (turn + usize::try_from(round)?) % sides.len();
            let (side, result) = (sides[place], &mut results[place]);
            one_round(server, side, &job, result)
                .with_context(|| format!("{} on {}", job.workload, side.name()))?;
        }
    }
    Ok(Comparison {
        workload: job.workload,
        sessions: job.sessions,
        bytes: job.bytes,
        clients: job.clients,
        rounds,
        seconds: job.seconds,
        sides: sides
            .iter()
            .zip(results)
            .map(|(side, rounds)| summed_up(*side, rounds))
            .collect::<Result<_>>()?,
    })
}

#[allow(clippy::cast_precision_loss)] // counts
fn one_round(server: &Server, side: &dyn Side, job: &Job, result: &mut Rounds) -> Result<()> {
    side.prepare(job)?;
    let relation = side.relation();
    let before = relation
        .as_ref()
        .map(|relation| server.counters(relation))
        .transpose()?;
    let measured = side.run(job)?;
    if let (Some(before), Some(relation)) = (before, &relation) {
        let counted = server.counted(before, relation)?;
        let sum = &mut result.counted;
        sum.wal += counted.wal;
        sum.full_pages += counted.full_pages;
        sum.updates += counted.updates;
        sum.hot_updates += counted.hot_updates;
        sum.growth += counted.growth;
    }
    result.calls += measured.all_calls;
    result.timed_calls += measured.calls;
    result.cpu = result.cpu.zip(measured.cpu).map(|(sum, more)| Cpu {
        clients: sum.clients + more.clients,
        server: sum.server + more.server,
    });
    result
        .calls_per_second
        .push(measured.calls as f64 / measured.seconds.max(1e-9));
    result.latencies.add(&measured.latencies)?;
    Ok(())
}

#[allow(clippy::cast_precision_loss)] // counts
fn summed_up(side: &dyn Side, rounds: Rounds) -> Result<SideResult> {
    let calls = rounds.calls.max(1) as f64;
    let counted = rounds.counted;
    let timed_calls = rounds.timed_calls.max(1) as f64;
    Ok(SideResult {
        side: side.name().to_owned(),
        calls_per_second: Spread::of(rounds.calls_per_second.iter().copied())
            .context("no rounds")?,
        rounds: rounds.calls_per_second,
        p50_us: microseconds(&rounds.latencies, 0.5),
        p99_us: microseconds(&rounds.latencies, 0.99),
        p999_us: microseconds(&rounds.latencies, 0.999),
        cpu_us: rounds.cpu.map(|cpu| {
            let per_call = |nanoseconds: u64| nanoseconds as f64 / 1000.0 / timed_calls;
            (per_call(cpu.clients), per_call(cpu.server))
        }),
        server: side.relation().map(|_| PerCall {
            wal_bytes: counted.wal as f64 / calls,
            full_page_bytes: counted.full_pages as f64 / calls,
            updates: counted.updates as f64 / calls,
            hot_share: (counted.updates > 0)
                .then(|| counted.hot_updates as f64 / counted.updates as f64),
            growth_bytes: counted.growth as f64 / calls,
        }),
    })
}
