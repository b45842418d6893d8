//! Measures connect-pg beside other session stores. `bin/bench` runs it: it installs what is needed, and starts PostgreSQL.
//!
//! The layers, low to high: `measure` (instruments and workloads), `server`, `stores` and `storage`, `plan` (from the arguments),
//! `stages` (what is measured, in order), `report` (tables, budgets, plots).

mod arguments;
mod measure;
mod plan;
mod report;
mod server;
mod stages;
mod storage;
mod stores;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use arguments::Arguments;
use plan::Plan;
use report::Report;
use report::budgets;
use report::runs;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Returns true if every measured budget is met.
fn run(arguments: &Arguments) -> Result<bool> {
    if !arguments.runs.is_empty() {
        runs::summarize(arguments)?;
        return Ok(true);
    }
    let plan = Plan::from_arguments(arguments);
    // An output that cannot be written must fail now, and not after the measurement.
    let report = Report::create(arguments)?;
    let findings = stages::run(&plan)?;
    let budgets = budgets::judge(&findings);
    report.write(&findings, &budgets)?;
    Ok(budgets::all_met(&budgets))
}
