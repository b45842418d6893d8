//! The requests in flight of several runs: what they agree on.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::in_flight_plots;
use super::tables::table;
use crate::arguments::Arguments;
use crate::measure::number::rounded;
use crate::measure::workload::Workload;
use crate::server::machine::Machine;
use crate::stages::comparison::Ratio;
use crate::stages::in_flight::{Cell, InFlight, WORKLOADS};
use crate::stores::connect_pg::shared_pool::SharedPool;
use crate::stores::redis::REDIS_THREADS;
use crate::stores::tasks::connect_pg::ConnectPgTasks;
use crate::stores::tasks::redis::RedisTasks;

/// What a run wrote by `--json`, as far as it is needed here.
#[derive(Deserialize)]
struct Run {
    machine: Machine,
    in_flight: InFlight,
}

/// Prints the tables of several runs, and draws their plots.
pub fn summarize(arguments: &Arguments) -> Result<()> {
    let runs: Vec<Run> = arguments.runs.iter().map(read).collect::<Result<_>>()?;
    let tables: Vec<&InFlight> = runs.iter().map(|run| &run.in_flight).collect();
    for run in &runs {
        println!("{}", run.machine.line());
    }
    println!(
        "\nA range is from the lowest to the highest of {} runs.\n",
        runs.len()
    );
    println!("{}", summary(&tables));
    for workload in WORKLOADS {
        println!("{}", of_workload(&tables, workload));
    }
    println!("{}", ratios(&tables));
    if let (Some(directory), Some(run)) = (&arguments.plots, runs.first()) {
        let caption = format!("medians of {} runs; {}", runs.len(), run.machine.line());
        in_flight_plots::draw(directory, &tables, &caption)?;
    }
    Ok(())
}

fn read(path: &PathBuf) -> Result<Run> {
    let name = || path.display().to_string();
    let file = File::open(path).with_context(name)?;
    serde_json::from_reader(BufReader::new(file)).with_context(name)
}

/// Returns the stores in the order of the first run that measured them.
fn lines<'a>(runs: &[&'a InFlight]) -> Vec<(&'a str, &'a str)> {
    let mut lines = Vec::new();
    for cell in runs.iter().flat_map(|run| &run.cells) {
        if !lines.contains(&cell.line()) {
            lines.push(cell.line());
        }
    }
    lines
}

/// Returns the range of a figure over the runs; an empty text if no run has it.
fn over_runs(
    runs: &[&InFlight],
    (workload, line, in_flight): (Workload, (&str, &str), u32),
    of: impl Fn(&Cell) -> f64,
    write: impl Fn(f64) -> String,
) -> String {
    let values = runs.iter().flat_map(|run| {
        run.cells.iter().filter(|cell| {
            cell.workload == workload && cell.line() == line && cell.in_flight == in_flight
        })
    });
    range(values.map(of), write)
}

fn range(values: impl Iterator<Item = f64>, write: impl Fn(f64) -> String) -> String {
    let (least, most) = values.fold((f64::MAX, f64::MIN), |(least, most), value| {
        (least.min(value), most.max(value))
    });
    if least > most {
        return String::new();
    }
    let (least, most) = (write(least), write(most));
    if least == most {
        least
    } else {
        format!("{least} to {most}")
    }
}

fn thousands(value: f64) -> String {
    if value < 9_950.0 {
        format!("{:.1}", value / 1000.0)
    } else {
        rounded(value / 1000.0)
    }
}

fn counts(runs: &[&InFlight]) -> Vec<u32> {
    let mut counts: Vec<u32> = runs
        .iter()
        .flat_map(|run| &run.cells)
        .map(|cell| cell.in_flight)
        .collect();
    counts.sort_unstable();
    counts.dedup();
    counts
}

/// Writes thousands of calls per second: few requests in flight and many, reads and writes.
fn summary(runs: &[&InFlight]) -> String {
    let columns: Vec<(Workload, u32)> = [Workload::Rolling, Workload::Save]
        .into_iter()
        .flat_map(|workload| [4, 64, 256].map(|count| (workload, count)))
        .collect();
    let mut head = vec!["thousand calls/s".to_owned(), "connections".to_owned()];
    head.extend(
        columns
            .iter()
            .map(|(workload, count)| format!("{workload}, {count} in flight")),
    );
    let rows: Vec<Vec<String>> = lines(runs)
        .into_iter()
        .map(|line| {
            let mut row = vec![line.0.to_owned(), line.1.to_owned()];
            row.extend(columns.iter().map(|&(workload, count)| {
                let calls = |cell: &Cell| cell.result.calls_per_second.median;
                over_runs(runs, (workload, line, count), calls, thousands)
            }));
            row
        })
        .collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    format!("### In one look\n\n{}", table(&head, &rows))
}

/// Writes thousands of calls per second, p50 and p99 in milliseconds, and processor time.
fn of_workload(runs: &[&InFlight], workload: Workload) -> String {
    let head = [
        "store",
        "connections",
        "in flight",
        "thousand calls/s",
        "p50 ms",
        "p99 ms",
        "CPU µs/call of clients",
        "CPU µs/call of the server",
    ];
    let milliseconds = |us: f64| format!("{:.2}", us / 1000.0);
    let whole = |us: f64| format!("{us:.0}");
    let mut rows = Vec::new();
    for line in lines(runs) {
        for in_flight in counts(runs) {
            let place = (workload, line, in_flight);
            let calls = |cell: &Cell| cell.result.calls_per_second.median;
            let calls = over_runs(runs, place, calls, thousands);
            if calls.is_empty() {
                continue;
            }
            let cpu = |cell: &Cell| cell.result.cpu_us.unwrap_or_default();
            rows.push(vec![
                line.0.to_owned(),
                line.1.to_owned(),
                in_flight.to_string(),
                calls,
                over_runs(runs, place, |cell| cell.result.p50_us, milliseconds),
                over_runs(runs, place, |cell| cell.result.p99_us, milliseconds),
                over_runs(runs, place, |cell| cpu(cell).0, whole),
                over_runs(runs, place, |cell| cpu(cell).1, whole),
            ]);
        }
    }
    format!(
        "### {workload} by requests in flight\n\n{}",
        table(&head, &rows)
    )
}

/// Writes what connect-pg does divided by what Redis does, by both measures.
fn ratios(runs: &[&InFlight]) -> String {
    let head = [
        "connect-pg's calls divided by",
        "workload",
        "in flight",
        "by calls/s",
        "by processor time",
    ];
    let (tasks, threads) = (ConnectPgTasks::NAME, SharedPool::NAME);
    let mut rows = Vec::new();
    for workload in WORKLOADS {
        for other in [
            RedisTasks::NAME,
            RedisTasks::PIPELINED,
            RedisTasks::ALWAYS,
            ConnectPgTasks::NOT_GROUPED,
            REDIS_THREADS,
            SharedPool::NOT_GROUPED,
        ] {
            let is_threads = [REDIS_THREADS, SharedPool::NOT_GROUPED].contains(&other);
            let ours = if is_threads { threads } else { tasks };
            for in_flight in counts(runs) {
                let of_runs: Vec<Ratio> = runs
                    .iter()
                    .filter_map(|run| run.ratio(workload, (ours, in_flight), (other, in_flight)))
                    .collect();
                if of_runs.is_empty() {
                    continue;
                }
                let medians = |of: fn(&Ratio) -> Option<f64>| {
                    range(of_runs.iter().filter_map(of), |ratio| format!("{ratio:.2}"))
                };
                rows.push(vec![
                    other.to_owned(),
                    workload.to_string(),
                    in_flight.to_string(),
                    medians(|ratio| Some(ratio.calls?.median)),
                    medians(|ratio| Some(ratio.cpu?.median)),
                ]);
            }
        }
    }
    format!("### Ratios\n\n{}", table(&head, &rows))
}
