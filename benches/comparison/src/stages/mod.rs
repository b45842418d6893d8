//! The stages of a measurement: fill a size, compare the stores, then measure what the budgets need besides.

pub mod allocations;
pub mod bench;
pub mod comparison;
pub mod connect_pg_1_1_5;
pub mod in_flight;
pub mod pruning;
pub mod round_trips;
pub mod scale;
pub mod size;

use anyhow::Result;
use serde::Serialize;

use crate::measure::number::grouped;
use crate::plan::{FEW_SESSIONS, Plan};
use crate::server::machine::Machine;
use crate::server::transport::Transport;
use crate::storage::DiskUsage;
use crate::stores::connect_pg::data::{self, Age};
use allocations::Allocations;
use bench::Bench;
use comparison::{Comparison, Ratio};
use in_flight::InFlight;
use pruning::Pruning;

/// All that was measured.
#[derive(Serialize)]
pub struct Findings {
    pub machine: Machine,
    pub transport: Transport,
    pub notes: Vec<String>,
    pub disk_usage: Vec<DiskUsage>,
    pub comparisons: Vec<Comparison>,
    /// Calls by more clients than connections.
    pub in_flight: Option<InFlight>,
    pub pruning: Option<Pruning>,
    pub allocations_per_load: Option<Allocations>,
    pub round_trips_per_load: Option<f64>,
    /// Loads at the most sessions against loads at the fewest.
    #[serde(skip)]
    pub scale: Option<(u32, Ratio)>,
    /// Stores that are not available here, and why.
    #[serde(skip)]
    pub missing: Vec<(&'static str, String)>,
}

/// Measures what the plan says.
pub fn run(plan: &Plan) -> Result<Findings> {
    let bench = Bench::start(plan)?;
    let mut findings = Findings {
        machine: Machine::read(&bench.server, bench.redis.as_ref())?,
        transport: plan.transport,
        notes: plan.notes(),
        disk_usage: Vec::new(),
        comparisons: Vec::new(),
        in_flight: None,
        pruning: None,
        allocations_per_load: None,
        round_trips_per_load: None,
        scale: None,
        missing: bench.missing.clone(),
    };
    if plan.only_in_flight {
        let (sessions, bytes) = (plan.sizes[0], plan.bytes[0]);
        let table = data::fill(
            &bench.server,
            "connect_pg_in_flight",
            sessions,
            bytes,
            Age::Live,
        )?;
        findings.in_flight = in_flight::measure(&bench, &table, sessions, bytes)?;
        bench.progress("done");
        return Ok(findings);
    }
    for (n, &bytes) in plan.bytes.iter().enumerate() {
        let is_first = n == 0;
        for &sessions in &plan.sizes {
            let result = size::measure(&bench, sessions, bytes, is_first)?;
            findings.disk_usage.extend(result.disk_usage);
            findings.comparisons.extend(result.comparisons);
            let table = result.table;
            if is_first && Some(&sessions) == plan.sizes.iter().max() {
                if sessions > FEW_SESSIONS {
                    findings.scale =
                        Some((sessions, scale::measure(&bench, &table, sessions, bytes)?));
                }
                findings.in_flight = in_flight::measure(&bench, &table, sessions, bytes)?;
                bench.progress("count allocations and round trips");
                findings.allocations_per_load = Some(allocations::count(&bench.server, &table)?);
                findings.round_trips_per_load = Some(round_trips::per_load(&bench.server, &table)?);
            }
            bench.server.drop_database(&table.database)?;
        }
    }
    let bytes = plan.bytes[0];
    findings
        .comparisons
        .extend(connect_pg_1_1_5::measure(&bench, bytes)?);
    if plan.pruning > 0 {
        bench.progress(&format!(
            "prune {} expired sessions among as many live ones",
            grouped(plan.pruning)
        ));
        findings.pruning = Some(pruning::measure(&bench.server, plan, bytes)?);
    }
    bench.progress("done");
    Ok(findings)
}
