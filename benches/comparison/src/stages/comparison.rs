//! Compares stores in turn, round after round.

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::measure::histogram::{self, microseconds};
use crate::measure::job::Job;
use crate::measure::measured::CpuTime;
use crate::measure::spread::Spread;
use crate::measure::workload::Workload;
use crate::server::counters::Counted;
use crate::server::postgres::Server;
use crate::stores::store::ComparedStore;

/// One workload at one size by so many clients.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    pub workload: Workload,
    pub sessions: u32,
    pub bytes: usize,
    pub clients: u32,
    pub rounds: u32,
    pub seconds: f64,
    pub stores: Vec<StoreResult>,
}

/// What one store did.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct StoreResult {
    pub store: String,
    pub calls_per_second: Spread,
    /// The calls per second of each round.
    pub rounds: Vec<f64>,
    pub p50_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    /// Microseconds of processor time per call: this program's and the server's.
    pub cpu_us: Option<(f64, f64)>,
    /// The same in each round.
    pub cpu_us_rounds: Option<Vec<(f64, f64)>>,
    /// What the server counted; `None` for a store that is not in PostgreSQL.
    pub server: Option<PerCall>,
}

/// What a call cost the server, on average.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
pub struct PerCall {
    pub wal_bytes: f64,
    pub full_page_bytes: f64,
    pub updates: f64,
    /// The share of updates that were heap-only; `None` without updates.
    pub hot_share: Option<f64>,
    /// The growth of the table and its indexes.
    pub growth_bytes: f64,
}

impl Comparison {
    /// Returns the result of a store.
    pub fn store(&self, name: &str) -> Option<&StoreResult> {
        self.stores.iter().find(|result| result.store == name)
    }

    /// Returns what `a` does divided by what `b` does.
    pub fn ratio(&self, a: &str, b: &str) -> Option<Ratio> {
        Some(Ratio::of(self.store(a)?, self.store(b)?))
    }
}

/// What one store does divided by what another does in the same rounds. More is better for the first.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    /// Calls per second.
    pub calls: Option<Spread>,
    /// Calls for each second of processor time, of clients and server; `None` if it is not known.
    pub cpu: Option<Spread>,
    /// Calls for each second of the server's processor time; `None` as above.
    pub server_cpu: Option<Spread>,
}

impl Ratio {
    /// Divides round by round.
    pub fn of(a: &StoreResult, b: &StoreResult) -> Ratio {
        let by_cpu = |of: fn(&(f64, f64)) -> f64| {
            let (a, b) = (a.cpu_us_rounds.as_ref()?, b.cpu_us_rounds.as_ref()?);
            if a.iter().chain(b).any(|time| of(time) <= 0.0) {
                return None;
            }
            Spread::of(a.iter().zip(b).map(|(a, b)| of(b) / of(a)))
        };
        Ratio {
            calls: Spread::of(a.rounds.iter().zip(&b.rounds).map(|(a, b)| a / b)),
            cpu: by_cpu(|(client, server)| client + server),
            server_cpu: by_cpu(|(_, server)| *server),
        }
    }
}

/// The rounds of one store so far.
struct Rounds {
    calls_per_second: Vec<f64>,
    latencies: Histogram<u64>,
    calls: u64,
    counted: Counted,
    /// Processor time of the calls within the measured time.
    cpu: Option<CpuTime>,
    cpu_us: Option<Vec<(f64, f64)>>,
    timed_calls: u64,
}

/// Runs the job in several rounds. In each round the stores take turns, starting with another store.
pub fn compare(
    server: &Server,
    stores: &[&dyn ComparedStore],
    job: &Job,
    rounds: u32,
) -> Result<Comparison> {
    let runs: Vec<(&dyn ComparedStore, Job)> = stores
        .iter()
        .filter(|store| store.supports(job.workload))
        .map(|&store| (store, job.clone()))
        .collect();
    Ok(Comparison {
        workload: job.workload,
        sessions: job.sessions,
        bytes: job.bytes,
        clients: job.clients,
        rounds,
        seconds: job.seconds,
        stores: take_turns(server, &runs, rounds)?,
    })
}

/// Runs stores, each with a job of its own, in several rounds. In each round they take turns, starting with another one.
pub fn take_turns(
    server: &Server,
    runs: &[(&dyn ComparedStore, Job)],
    rounds: u32,
) -> Result<Vec<StoreResult>> {
    let mut results = Vec::new();
    for _ in runs {
        results.push(Rounds {
            calls_per_second: Vec::new(),
            latencies: histogram::new()?,
            calls: 0,
            counted: Counted::default(),
            cpu: Some(CpuTime::default()),
            cpu_us: Some(Vec::new()),
            timed_calls: 0,
        });
    }
    server.checkpoint()?;
    for round in 0..rounds {
        for turn in 0..runs.len() {
            let place = (turn + usize::try_from(round)?) % runs.len();
            let (store, job) = &runs[place];
            let job = Job {
                seed: u64::from(round) + 1,
                ..job.clone()
            };
            run_round(server, *store, &job, &mut results[place])
                .with_context(|| format!("{} on {}", job.workload, store.name()))?;
        }
    }
    runs.iter()
        .zip(results)
        .map(|((store, _), rounds)| summarize(*store, rounds))
        .collect()
}

#[allow(clippy::cast_precision_loss)] // counts
fn run_round(
    server: &Server,
    store: &dyn ComparedStore,
    job: &Job,
    result: &mut Rounds,
) -> Result<()> {
    store.prepare(job)?;
    let relation = store.relation();
    let before = relation
        .as_ref()
        .map(|relation| server.counters(relation))
        .transpose()?;
    let measured = store.run(job)?;
    if let (Some(before), Some(relation)) = (before, &relation) {
        result.counted.add(server.counted_since(before, relation)?);
    }
    result.calls += measured.all_calls;
    result.timed_calls += measured.calls;
    result.cpu = result.cpu.zip(measured.cpu).map(|(sum, more)| CpuTime {
        clients: sum.clients + more.clients,
        server: sum.server + more.server,
    });
    result.cpu_us = result
        .cpu_us
        .take()
        .zip(measured.cpu)
        .map(|(mut rounds, cpu)| {
            let per_call =
                |nanoseconds: u64| nanoseconds as f64 / 1000.0 / measured.calls.max(1) as f64;
            rounds.push((per_call(cpu.clients), per_call(cpu.server)));
            rounds
        });
    result
        .calls_per_second
        .push(measured.calls as f64 / measured.seconds.max(1e-9));
    result.latencies.add(&measured.latencies)?;
    Ok(())
}

#[allow(clippy::cast_precision_loss)] // counts
fn summarize(store: &dyn ComparedStore, rounds: Rounds) -> Result<StoreResult> {
    let calls = rounds.calls.max(1) as f64;
    let counted = rounds.counted;
    let timed_calls = rounds.timed_calls.max(1) as f64;
    Ok(StoreResult {
        store: store.name().to_owned(),
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
        cpu_us_rounds: rounds.cpu_us,
        server: store.relation().map(|_| PerCall {
            wal_bytes: counted.wal as f64 / calls,
            full_page_bytes: counted.full_pages as f64 / calls,
            updates: counted.updates as f64 / calls,
            hot_share: (counted.updates > 0)
                .then(|| counted.hot_updates as f64 / counted.updates as f64),
            growth_bytes: counted.growth as f64 / calls,
        }),
    })
}
