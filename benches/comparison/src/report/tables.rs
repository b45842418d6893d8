//! Tables in Markdown, as docs/performance-tables.md shows them.

use std::fmt::Write;

use super::budgets::{Budget, Verdict};
use crate::measure::number::{grouped, rounded};
use crate::measure::spread::Spread;
use crate::stages::Findings;
use crate::stages::comparison::{Comparison, Ratio, StoreResult};
use crate::stages::in_flight::{Cell, InFlight};
use crate::stages::pruning::Pruning;
use crate::storage::DiskUsage;
use crate::stores::connect_pg::pool::ConnectPg;
use crate::stores::table_store::TableClient;
use crate::stores::tasks::connect_pg::ConnectPgTasks;

/// Writes everything.
pub fn all(findings: &Findings, budgets: &[Budget]) -> String {
    let mut text = findings.machine.text() + "\n";
    for note in &findings.notes {
        text += note;
        text.push('\n');
    }
    text += "\n";
    let comparisons = findings.comparisons.iter().map(comparison_table);
    let tables = std::iter::once(disk_usage_table(&findings.disk_usage))
        .chain(comparisons)
        .chain(findings.in_flight.iter().flat_map(in_flight_tables))
        .chain(findings.pruning.iter().map(pruning_tables))
        .chain([budget_table(budgets)]);
    for table in tables {
        text += &table;
        text.push('\n');
    }
    text
}

/// Writes a Markdown table with aligned columns. The first column is text, the others are numbers.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let mut line = |cells: &[String], fill: char| {
        for (place, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let padding: String = std::iter::repeat_n(fill, width - cell.chars().count()).collect();
            // Writing to a String cannot fail.
            let _ = match (place, fill) {
                (0, '-') => write!(text, "|-{cell}{padding}-"),
                (_, '-') => write!(text, "|-{cell}{padding}:"),
                (0, _) => write!(text, "| {cell}{padding} "),
                _ => write!(text, "| {padding}{cell} "),
            };
        }
        text.push_str("|\n");
    };
    line(
        &head.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>(),
        ' ',
    );
    line(&vec![String::new(); head.len()], '-');
    for row in rows {
        line(row, ' ');
    }
    text
}

fn disk_usage_table(disk_usage: &[DiskUsage]) -> String {
    #[allow(clippy::cast_precision_loss)] // bytes of files
    let rows: Vec<Vec<String>> = disk_usage
        .iter()
        .map(|usage| {
            let each = |bytes: i64| rounded(bytes as f64 / f64::from(usage.sessions));
            vec![
                usage.store.clone(),
                grouped(usage.sessions),
                grouped(usage.bytes as u64),
                each(usage.table),
                each(usage.indexes),
                each(usage.table + usage.indexes),
            ]
        })
        .collect();
    let head = [
        "just filled",
        "sessions",
        "bytes of data",
        "table B/session",
        "indexes B/session",
        "total B/session",
    ];
    format!("### On disk\n\n{}", table(&head, &rows))
}

fn comparison_table(comparison: &Comparison) -> String {
    let Comparison {
        workload,
        sessions,
        bytes,
        clients,
        rounds,
        seconds,
        ..
    } = comparison;
    let head = [
        "store",
        "calls/s",
        "min to max",
        "p50 µs",
        "p99 µs",
        "p99.9 µs",
        "CPU µs/call, client + server",
        "WAL B/call",
        "full pages B/call",
        "updates/call",
        "HOT %",
        "growth B/call",
        "connect-pg does",
        "by processor time",
    ];
    let rows: Vec<Vec<String>> = comparison
        .stores
        .iter()
        .map(|result| comparison_row(comparison, result))
        .collect();
    format!(
        "### {workload}: {} sessions of {bytes} bytes, {clients} client{}\n\n{}\n{rounds} round{} of {seconds} s\n",
        grouped(*sessions),
        plural(*clients),
        table(&head, &rows),
        plural(*rounds)
    )
}

/// Writes a table for each workload, with all numbers of requests in flight.
fn in_flight_tables(measured: &InFlight) -> Vec<String> {
    let head = [
        "store",
        "connections",
        "in flight",
        "calls/s",
        "min to max",
        "p50 µs",
        "p99 µs",
        "p99.9 µs",
        "CPU µs/call, client + server",
        "connect-pg, tasks, does",
        "by processor time",
    ];
    measured
        .cells
        .chunk_by(|a, b| a.workload == b.workload)
        .map(|of_workload| {
            let mut rows: Vec<Vec<String>> = Vec::new();
            let mut cells: Vec<&Cell> = of_workload.iter().collect();
            // The rows of a store together.
            let stores: Vec<(&str, &str)> = cells.iter().map(|cell| cell.line()).collect();
            cells.sort_by_key(|cell| stores.iter().position(|&line| line == cell.line()));
            for cell in cells {
                let result = &cell.result;
                let ours = measured.cell(cell.workload, ConnectPgTasks::NAME, cell.in_flight);
                let ratio = ours
                    .filter(|_| result.store != ConnectPgTasks::NAME)
                    .map(|ours| Ratio::of(&ours.result, result));
                let mut row = vec![
                    result.store.clone(),
                    cell.connections.clone(),
                    cell.in_flight.to_string(),
                ];
                row.extend(result_cells(result));
                row.extend(ratio_cells(ratio));
                rows.push(row);
            }
            format!(
                "### {} by requests in flight: {} sessions of {} bytes\n\n{}\n{} rounds of {} s\n",
                of_workload[0].workload,
                grouped(measured.sessions),
                measured.bytes,
                table(&head, &rows),
                measured.rounds,
                measured.seconds
            )
        })
        .collect()
}

/// Writes what all tables show of a store: its speed, latencies and processor time.
fn result_cells(result: &StoreResult) -> [String; 6] {
    let speed = result.calls_per_second;
    [
        rounded(speed.median),
        format!("{} to {}", rounded(speed.min), rounded(speed.max)),
        rounded(result.p50_us),
        rounded(result.p99_us),
        rounded(result.p999_us),
        result.cpu_us.map_or_else(String::new, |(client, server)| {
            format!("{client:.0} + {server:.0}")
        }),
    ]
}

/// Writes a ratio by calls per second and by processor time.
fn ratio_cells(ratio: Option<Ratio>) -> [String; 2] {
    let cell =
        |spread: Option<Spread>| spread.map_or_else(String::new, |spread| format!("{spread} x"));
    [
        cell(ratio.and_then(|ratio| ratio.calls)),
        cell(ratio.and_then(|ratio| ratio.cpu)),
    ]
}

fn plural(count: u32) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn comparison_row(comparison: &Comparison, result: &StoreResult) -> Vec<String> {
    let mut cells = vec![result.store.clone()];
    cells.extend(result_cells(result));
    match result.server {
        Some(server) => cells.extend([
            format!("{:.1}", server.wal_bytes),
            format!("{:.1}", server.full_page_bytes),
            format!("{:.4}", server.updates),
            server
                .hot_share
                .map_or_else(String::new, |share| format!("{:.1}", share * 100.0)),
            format!("{:.1}", server.growth_bytes),
        ]),
        None => cells.resize(12, String::new()),
    }
    let ratio = comparison.ratio(ConnectPg::NAME, &result.store);
    cells.extend(ratio_cells(
        ratio.filter(|_| result.store != ConnectPg::NAME),
    ));
    cells
}

fn pruning_tables(pruning: &Pruning) -> String {
    let mut text = format!(
        "### Pruning {} expired sessions among {} live ones, {} clients at work\n\n\
         {} deleted and {} rescheduled in {:.1} s.\n\n",
        grouped(pruning.expired),
        grouped(pruning.live),
        pruning.clients,
        grouped(pruning.deleted),
        grouped(pruning.rescheduled),
        pruning.seconds
    );
    let row =
        |name: &str, calls: f64, p99: f64| vec![name.to_owned(), rounded(calls), rounded(p99)];
    text += &table(
        &["the clients", "calls/s", "p99 µs"],
        &[
            row(
                "without pruning",
                pruning.calls_without,
                pruning.p99_us_without,
            ),
            row("with pruning", pruning.calls_with, pruning.p99_us_with),
        ],
    );
    text.push('\n');
    let mut head = vec!["MB"];
    head.extend(pruning.sizes.iter().map(|sizes| sizes.when));
    let names: Vec<&String> = pruning
        .sizes
        .first()
        .map(|sizes| sizes.bytes.keys().collect())
        .unwrap_or_default();
    let rows: Vec<Vec<String>> = names
        .into_iter()
        .map(|name| {
            let mut cells = vec![name.clone()];
            #[allow(clippy::cast_precision_loss)] // bytes of files
            cells.extend(pruning.sizes.iter().map(|sizes| {
                let bytes = sizes.bytes.get(name).copied().unwrap_or_default();
                format!("{:.1}", bytes as f64 / 1e6)
            }));
            cells
        })
        .collect();
    text + &table(&head, &rows)
}

fn budget_table(budgets: &[Budget]) -> String {
    let rows: Vec<Vec<String>> = budgets
        .iter()
        .map(|budget| {
            let verdict = match budget.verdict {
                Verdict::Met => "met".to_owned(),
                Verdict::Missed => "MISSED".to_owned(),
                Verdict::NotMeasured => "-".to_owned(),
            };
            vec![
                budget.what.clone(),
                budget.measured.clone(),
                budget.beside.clone(),
                budget.limit.clone(),
                verdict,
            ]
        })
        .collect();
    format!(
        "### Budgets\n\n{}",
        table(&["what", "measured", "beside it", "budget", ""], &rows)
    )
}
