//! `session-admin status`

use std::fmt::Write;

use connect_pg::quote_identifier;
use serde_json::json;

use crate::exit::ExitStatus;
use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::global_args::{Format, GlobalArgs};
use crate::support::output;
use crate::support::rights::Rights;
use crate::support::text::{bytes, grouped, one_line};

const HELP: &str = "\
Reads the whole session table once, and the server's statistics since their last reset. \"HOT\" is the share of \
updates that wrote no index entry. It should be near 100 %.

Rights: a superuser, or a member of the owner role (by default nodepg_owner).

Examples:
  session-admin status
  session-admin status --format json | jq .live

--format json prints one object: live, expired, ended (rows); total_bytes, table_bytes, index_bytes; dead_rows; \
updates, hot_updates, hot_share (0 to 1, or null before the first update); last_pruned_at, oldest_prune_after \
(ISO 8601 in UTC, or null).";

/// Show the number of sessions and the state of the table
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {}

struct Status {
    live: i64,
    expired: i64,
    ended: i64,
    total_bytes: i64,
    table_bytes: i64,
    index_bytes: i64,
    dead_rows: i64,
    updates: i64,
    hot_updates: i64,
    last_pruned_at: Option<String>,
    oldest_prune_after: Option<String>,
}

impl Status {
    /// Returns the share of updates that wrote no index entry, from 0 to 1.
    // Counters above 2^52 lose digits that are not shown.
    #[allow(clippy::cast_precision_loss)]
    fn hot_share(&self) -> Option<f64> {
        (self.updates > 0).then(|| self.hot_updates as f64 / self.updates as f64)
    }
}

pub(crate) fn run(global: &GlobalArgs, _: &Args) -> Result<ExitStatus, CliError> {
    let status = read(global)?;
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
            "hot_share": status.hot_share(),
            "last_pruned_at": status.last_pruned_at,
            "oldest_prune_after": status.oldest_prune_after,
        }))?,
        Format::Text => output::print(&text(global, &status))?,
    }
    Ok(ExitStatus::Yes)
}

fn read(global: &GlobalArgs) -> Result<Status, CliError> {
    let mut client = connection::open(global)?;
    // Times as text in UTC, independent of DateStyle and TimeZone.
    let sql = format!(
        r#"select
            s.live, s.expired, s.ended,
            s.total_bytes, s.table_bytes, s.index_bytes,
            s.dead_rows, s.updates, s.hot_updates,
            pg_catalog.to_char(s.last_pruned_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            pg_catalog.to_char(s.oldest_prune_after at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
        from {}.store_status() as s"#,
        quote_identifier(&global.schema)
    );
    client
        .query_one(&sql, &[])
        .and_then(|row| {
            Ok(Status {
                live: row.try_get(0)?,
                expired: row.try_get(1)?,
                ended: row.try_get(2)?,
                total_bytes: row.try_get(3)?,
                table_bytes: row.try_get(4)?,
                index_bytes: row.try_get(5)?,
                dead_rows: row.try_get(6)?,
                updates: row.try_get(7)?,
                hot_updates: row.try_get(8)?,
                last_pruned_at: row.try_get(9)?,
                oldest_prune_after: row.try_get(10)?,
            })
        })
        .map_err(|error| call_failed("read the status", &error, global, Rights::OwnerRole))
}

fn text(global: &GlobalArgs, status: &Status) -> String {
    let hot = match status.hot_share() {
        None => "no updates yet".into(),
        Some(share) => format!(
            "{:.1} % of {} updates",
            share * 100.0,
            grouped(status.updates)
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
                .clone()
                .unwrap_or_else(|| "never".into()),
        ),
        (
            "next to prune",
            status
                .oldest_prune_after
                .clone()
                .unwrap_or_else(|| "nothing".into()),
        ),
    ];
    let mut report = format!("Sessions in schema {}\n", one_line(&global.schema));
    for (label, value) in rows {
        let _ = writeln!(report, "  {label:<15}{value}");
    }
    report
}
