//! `session-admin status`

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use connect_pg::StoreStatus;
use connect_pg::install::{Durability, durability};
use serde_json::json;

use crate::exit::ExitStatus;
use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::durability::loss;
use crate::support::global_args::{Format, FormatName, GlobalArgs};
use crate::support::output;
use crate::support::rights::Rights;
use crate::support::text::{bytes, counted, grouped, one_line, timestamp};

const HELP: &str = "\
Reads the whole session table once, and the server's statistics since their last reset. \"HOT\" is the share of \
updates that wrote no index entry. It should be near 100 %.

Rights: a superuser, a member of pg_monitor, or a member of the owner role (by default nodepg_owner). \
An installer that is no superuser becomes one by: grant nodepg_owner to current_user.

Examples:
  session-admin status
  session-admin status --format json | jq .live
  session-admin status --format prometheus > sessions.new && mv sessions.new /var/lib/node_exporter/sessions.prom

--format json prints one object: schema; durability; live, expired, ended (rows); total_bytes, table_bytes, index_bytes; dead_rows; \
updates, hot_updates, hot_share (0 to 1, or null before the first update); last_pruned_at, oldest_prune_after, \
oldest_expired_at (ISO 8601 in UTC, or null); oldest_expired_seconds.

--format prometheus prints metrics for the textfile collector of the node exporter, or for a program that serves them.";

/// Show the number of sessions and the state of the table
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {}

/// Returns the share of updates that wrote no index entry, from 0 to 1.
// Counters above 2^52 lose digits that are not shown.
#[allow(clippy::cast_precision_loss)]
fn hot_share(status: &StoreStatus) -> Option<f64> {
    (status.updates > 0).then(|| status.hot_updates as f64 / status.updates as f64)
}

pub(crate) fn run(global: &GlobalArgs, _: &Args) -> Result<ExitStatus, CliError> {
    let mut client = connection::open(global)?;
    let status = connection::store(&mut client, global)
        .and_then(|store| store.status())
        .map_err(|error| call_failed("read the status", &error, global, Rights::Monitor))?;
    let durability = global
        .install_options()
        .and_then(|options| durability(&mut client, &options))
        .map_err(|error| call_failed("read the status", &error, global, Rights::Monitor))?;
    if global.format_name == FormatName::Prometheus {
        output::print(&prometheus(global, &status, durability))?;
        return Ok(ExitStatus::Yes);
    }
    match global.format() {
        Format::Json => output::print_json(&json!({
            "schema": global.schema,
            "durability": durability.as_str(),
            "live": status.live,
            "expired": status.expired,
            "ended": status.ended,
            "total_bytes": status.total_bytes,
            "table_bytes": status.table_bytes,
            "index_bytes": status.index_bytes,
            "dead_rows": status.dead_rows,
            "updates": status.updates,
            "hot_updates": status.hot_updates,
            "hot_share": hot_share(&status),
            "last_pruned_at": status.last_pruned_at.and_then(timestamp),
            "oldest_prune_after": status.oldest_prune_after.and_then(timestamp),
            "oldest_expired_at": status.oldest_expired_at.and_then(timestamp),
            "oldest_expired_seconds": status.oldest_expired_age().as_secs(),
        }))?,
        Format::Text => output::print(&text(global, &status, durability))?,
    }
    Ok(ExitStatus::Yes)
}

/// Returns the metrics in the text format of Prometheus. A value that is not known has no line.
fn prometheus(global: &GlobalArgs, status: &StoreStatus, durability: Durability) -> String {
    let schema = global
        .schema
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    let seconds = |time: SystemTime| {
        time.duration_since(UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64())
            .to_string()
    };
    let sessions = [
        ("live", status.live),
        ("expired", status.expired),
        ("ended", status.ended),
    ]
    .map(|(state, count)| (format!(",state=\"{state}\""), count.to_string()));
    let sizes = [
        ("table", status.table_bytes),
        ("indexes", status.index_bytes),
    ]
    .map(|(part, size)| (format!(",part=\"{part}\""), size.to_string()));
    let single = |value: Option<String>| -> Vec<(String, String)> {
        value
            .into_iter()
            .map(|value| (String::new(), value))
            .collect()
    };
    let metrics = [
        (
            "sessions",
            "gauge",
            "Rows of the store by state",
            sessions.to_vec(),
        ),
        (
            "oldest_expired_seconds",
            "gauge",
            "Seconds since the oldest expired session could have been pruned",
            single(Some(status.oldest_expired_age().as_secs_f64().to_string())),
        ),
        (
            "size_bytes",
            "gauge",
            "Size of the session table and of its indexes",
            sizes.to_vec(),
        ),
        (
            "dead_rows",
            "gauge",
            "Dead rows that VACUUM has not removed",
            single(Some(status.dead_rows.to_string())),
        ),
        (
            "updates_total",
            "counter",
            "Updates of rows since the last reset of the statistics",
            single(Some(status.updates.to_string())),
        ),
        (
            "hot_updates_total",
            "counter",
            "Updates that wrote no index entry",
            single(Some(status.hot_updates.to_string())),
        ),
        (
            "hot_share",
            "gauge",
            "Share of updates that wrote no index entry",
            single(hot_share(status).map(|share| share.to_string())),
        ),
        (
            "last_prune_timestamp_seconds",
            "gauge",
            "Time of the last prune",
            single(status.last_pruned_at.map(seconds)),
        ),
        (
            "durability_info",
            "gauge",
            "Always 1; the label tells what a crash of the server may lose",
            vec![(format!(",durability=\"{durability}\""), "1".to_owned())],
        ),
    ];
    let mut text = String::new();
    for (name, kind, help, samples) in metrics {
        if samples.is_empty() {
            continue;
        }
        let _ = writeln!(text, "# HELP connect_pg_{name} {help}.");
        let _ = writeln!(text, "# TYPE connect_pg_{name} {kind}");
        for (label, value) in samples {
            let _ = writeln!(
                text,
                "connect_pg_{name}{{schema=\"{schema}\"{label}}} {value}"
            );
        }
    }
    text
}

fn text(global: &GlobalArgs, status: &StoreStatus, durability: Durability) -> String {
    let hot = match hot_share(status) {
        None => "no updates yet".into(),
        Some(share) => format!(
            "{:.1} % of {}",
            share * 100.0,
            counted(status.updates, "update", "updates")
        ),
    };
    let rows = [
        ("live", grouped(status.live)),
        ("expired", grouped(status.expired)),
        ("ended", grouped(status.ended)),
        (
            "size",
            format!(
                "{} (table {}, indexes {})",
                bytes(status.total_bytes),
                bytes(status.table_bytes),
                bytes(status.index_bytes)
            ),
        ),
        ("dead rows", grouped(status.dead_rows)),
        ("HOT", hot),
        (
            "last prune",
            status
                .last_pruned_at
                .and_then(timestamp)
                .unwrap_or_else(|| "never".into()),
        ),
        (
            "oldest expired",
            status
                .oldest_expired_at
                .and_then(timestamp)
                .unwrap_or_else(|| "nothing".into()),
        ),
        (
            "next to prune",
            status
                .oldest_prune_after
                .and_then(timestamp)
                .unwrap_or_else(|| "nothing".into()),
        ),
        ("durability", format!("{durability}: {}", loss(durability))),
    ];
    let mut report = format!("Sessions in schema {}\n", one_line(&global.schema));
    for (label, value) in rows {
        let _ = writeln!(report, "  {label:<15}{value}");
    }
    report
}
