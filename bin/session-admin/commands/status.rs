//! `session-admin status`

use std::fmt::Write;

use connect_pg::StoreStatus;
use serde_json::json;

use crate::exit::ExitStatus;
use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::global_args::{Format, GlobalArgs};
use crate::support::output;
use crate::support::rights::Rights;
use crate::support::text::{bytes, counted, grouped, one_line, timestamp};

const HELP: &str = "\
Reads the whole session table once, and the server's statistics since their last reset. \"HOT\" is the share of \
updates that wrote no index entry. It should be near 100 %.

Rights: a superuser, or a member of the owner role (by default nodepg_owner). \
An installer that is no superuser becomes one by: grant nodepg_owner to current_user.

Examples:
  session-admin status
  session-admin status --format json | jq .live

--format json prints one object: schema; live, expired, ended (rows); total_bytes, table_bytes, index_bytes; dead_rows; \
updates, hot_updates, hot_share (0 to 1, or null before the first update); last_pruned_at, oldest_prune_after \
(ISO 8601 in UTC, or null).";

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
        .map_err(|error| call_failed("read the status", &error, global, Rights::OwnerRole))?;
    match global.format {
        Format::Json => output::print_json(&json!({
            "schema": global.schema,
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
        }))?,
        Format::Text => output::print(&text(global, &status))?,
    }
    Ok(ExitStatus::Yes)
}

fn text(global: &GlobalArgs, status: &StoreStatus) -> String {
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
            "next to prune",
            status
                .oldest_prune_after
                .and_then(timestamp)
                .unwrap_or_else(|| "nothing".into()),
        ),
    ];
    let mut report = format!("Sessions in schema {}\n", one_line(&global.schema));
    for (label, value) in rows {
        let _ = writeln!(report, "  {label:<15}{value}");
    }
    report
}
