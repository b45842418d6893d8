//! For people: tables in Markdown, which is what docs/performance.md shows.

use std::fmt::Write;

use crate::budgets::{Budget, Verdict};
use crate::compare::{Comparison, SideResult};
use crate::pruning::Pruning;
use crate::sides::ours::ConnectPgByPool;
use crate::stages::Stored;

/// A whole number with its thousands apart.
pub fn count(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // not negative, and far from the limit
fn rounded(number: f64) -> String {
    count(number.round().max(0.0) as u64)
}

/// Rows under a head, as a Markdown table whose columns line up. The first column is text, the others are numbers.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
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

pub fn stored(stored: &[Stored]) -> String {
    #[allow(clippy::cast_precision_loss)] // bytes of files
    let rows: Vec<Vec<String>> = stored
        .iter()
        .map(|stored| {
            let each = |bytes: i64| rounded(bytes as f64 / f64::from(stored.sessions));
            vec![
                stored.side.clone(),
                count(stored.sessions),
                count(stored.bytes as u64),
                each(stored.table),
                each(stored.indexes),
                each(stored.table + stored.indexes),
            ]
        })
        .collect();
    let head = [
        "just filled",
        "sessions",
        "bytes of data",
        "table B/session",
        "indexes B/session",
        "in all B/session",
    ];
    format!("### On disk\n\n{}", table(&head, &rows))
}

pub fn comparison(comparison: &Comparison) -> String {
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
        "side",
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
    ];
    let rows: Vec<Vec<String>> = comparison
        .sides
        .iter()
        .map(|side| row(comparison, side))
        .collect();
    format!(
        "### {workload}: {} sessions of {bytes} bytes, {clients} client{}\n\n{}\n{rounds} rounds of {seconds} s\n",
        count(*sessions),
        if *clients == 1 { "" } else { "s" },
        table(&head, &rows)
    )
}

fn row(comparison: &Comparison, side: &SideResult) -> Vec<String> {
    let speed = side.calls_per_second;
    let ratio = comparison.ratio(ConnectPgByPool::NAME, &side.side);
    let mut cells = vec![
        side.side.clone(),
        rounded(speed.median),
        format!("{} to {}", rounded(speed.min), rounded(speed.max)),
        rounded(side.p50_us),
        rounded(side.p99_us),
        rounded(side.p999_us),
        side.cpu_us.map_or_else(String::new, |(client, server)| {
            format!("{client:.0} + {server:.0}")
        }),
    ];
    match side.server {
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
    cells.push(match ratio {
        Some(ratio) if side.side != ConnectPgByPool::NAME => format!("{ratio} x"),
        _ => String::new(),
    });
    cells
}

pub fn pruning(pruning: &Pruning) -> String {
    let mut text = format!(
        "### Pruning {} expired sessions among {} live ones, {} clients at work\n\n\
         {} deleted and {} filed again in {:.1} s.\n\n",
        count(pruning.expired),
        count(pruning.live),
        pruning.clients,
        count(pruning.deleted),
        count(pruning.rescheduled),
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
            row("while it goes on", pruning.calls_with, pruning.p99_us_with),
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

pub fn budgets(budgets: &[Budget]) -> String {
    let rows: Vec<Vec<String>> = budgets
        .iter()
        .map(|budget| {
            let verdict = match budget.verdict {
                Verdict::Ok => "ok",
                Verdict::Short => "SHORT",
                Verdict::NotMeasured => "-",
            };
            vec![
                budget.what.clone(),
                budget.measured.clone(),
                budget.limit.clone(),
                verdict.to_owned(),
            ]
        })
        .collect();
    format!(
        "### Budgets\n\n{}",
        table(&["what", "measured", "budget", ""], &rows)
    )
}
