//! The table that `bin/test faults` prints.

use std::collections::BTreeMap;
use std::env;
use std::fs::OpenOptions;
use std::io::Write;

use super::load::Report;

/// Returns how often to repeat a fault: the second number with `--long`.
pub fn times(short: usize, long: usize) -> usize {
    match env::var("CONNECT_PG_FAULTS").as_deref() {
        Ok("long") => long,
        Ok(other) => panic!("CONNECT_PG_FAULTS={other}"),
        Err(_) => short,
    }
}

/// Adds a row of the table of faults under load. Rows are sorted by `place`.
pub fn add_row(place: u32, fault: &str, times: usize, report: &Report) {
    let cells = [
        fault.to_owned(),
        times.to_string(),
        report.acknowledged().to_string(),
        report.unknown.to_string(),
        report.lost.len().to_string(),
        report.back.len().to_string(),
        report.failed.len().to_string(),
        errors(&report.errors),
    ];
    add_line("load", place, &cells);
}

/// Adds a row of another table.
pub fn add_line(table: &str, place: u32, cells: &[String]) {
    let line = format!("{table} {place:02} | {} |\n", cells.join(" | "));
    match env::var_os("CONNECT_PG_FAULTS_TABLE") {
        // One write, because tests add to the file at the same time.
        Some(path) => OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .unwrap(),
        None => print!("{line}"),
    }
}

fn errors(counts: &BTreeMap<String, u64>) -> String {
    let codes: Vec<_> = counts.keys().map(String::as_str).collect();
    if codes.is_empty() {
        "none".to_owned()
    } else {
        codes.join(", ")
    }
}
