//! `--terminate`: ends the connections that the old password opened.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use connect_pg::quote_identifier;
use postgres::Client;

use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::global_args::GlobalArgs;
use crate::support::output;
use crate::support::rights::Rights;
use crate::support::text::{counted, one_line};

/// How often to look for logins that have completed.
const INTERVAL: Duration = Duration::from_millis(250);

/// How long a process may take to end.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// Refuses a user who may not end connections of the role.
pub(super) fn check_rights(client: &mut Client, global: &GlobalArgs) -> Result<(), CliError> {
    let row: Option<(String, bool)> = client
        .query_opt(
            "select
                current_user::pg_catalog.text,
                pg_catalog.pg_has_role(r.oid, 'USAGE')
                    or pg_catalog.pg_has_role('pg_signal_backend', 'USAGE')
                        and pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
            from pg_catalog.pg_roles as r
            where r.rolname = $1::pg_catalog.text",
            &[&global.role],
        )
        .and_then(|row| {
            row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
                .transpose()
        })
        .map_err(|error| failed(&error, global))?;
    match row {
        Some((user, false)) => Err(may_not_end(&user, global)),
        // A role that does not exist is reported later.
        _ => Ok(()),
    }
}

fn may_not_end(user: &str, global: &GlobalArgs) -> CliError {
    CliError::new(
        format!(
            "role {} may not end connections of role {}; nothing was changed",
            one_line(user),
            one_line(&global.role)
        ),
        format!(
            "run as a superuser: grant pg_signal_backend, pg_read_all_stats to {}; or leave --terminate out",
            quote_identifier(user)
        ),
    )
}

/// Returns the time of the server in seconds. Connections that began before it may have logged in with the old password.
pub(super) fn server_time(client: &mut Client, global: &GlobalArgs) -> Result<f64, CliError> {
    client
        .query_one(
            "select extract(epoch from pg_catalog.clock_timestamp())::pg_catalog.float8",
            &[],
        )
        .and_then(|row| row.try_get(0))
        .map_err(|error| failed(&error, global))
}

/// Asks all connections of the role that began before `before` to end, but this one. Returns their process ids.
///
/// Without the right to see when a connection began, it counts as old if `or_unknown`. One that began in the future began before
/// the clock was set back.
pub(super) fn ask_to_end(
    client: &mut Client,
    global: &GlobalArgs,
    before: f64,
    or_unknown: bool,
) -> Result<Vec<i32>, CliError> {
    client
        .query(
            "with old as materialized (
                select a.pid
                from pg_catalog.pg_stat_activity as a
                join pg_catalog.pg_roles as r on r.oid = a.usesysid
                where r.rolname = $1::pg_catalog.text
                    and a.pid <> pg_catalog.pg_backend_pid()
                    and coalesce(a.backend_type in ('client backend', 'walsender'), true)
                    and coalesce(
                        extract(epoch from a.backend_start)::pg_catalog.float8 < $2
                            or a.backend_start > pg_catalog.clock_timestamp(),
                        $3
                    )
            )
            select o.pid, pg_catalog.pg_terminate_backend(o.pid)
            from old as o",
            &[&global.role, &before, &or_unknown],
        )
        .and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect())
        .map_err(|error| failed(&error, global))
}

/// Ends the connections that began before the rotation. Returns their number.
///
/// A login that had begun goes on with the old verifier until `authentication_timeout`, and appears only when it is complete.
pub(super) fn end_all(
    client: &mut Client,
    global: &GlobalArgs,
    rotated_at: f64,
) -> Result<usize, CliError> {
    let limit: i32 = client
        .query_one(
            "select s.setting::pg_catalog.int4 from pg_catalog.pg_settings as s where s.name = 'authentication_timeout'",
            &[],
        )
        .and_then(|row| row.try_get(0))
        .map_err(|error| failed(&error, global))?;
    output::remark(&format!(
        "Ending the connections of role {} that the old password opened. Logins that had begun can complete for {limit} seconds \
         (authentication_timeout).",
        one_line(&global.role)
    ));
    let limit = Duration::from_secs(u64::from(limit.unsigned_abs()) + 1);
    let start = Instant::now();
    let mut ended = BTreeSet::new();
    let mut is_first = true;
    loop {
        let pids = ask_to_end(client, global, rotated_at, is_first)?;
        is_first = false;
        let is_over = start.elapsed() > limit;
        if is_over && pids.is_empty() {
            return Ok(ended.len());
        }
        if start.elapsed() > limit + END_PATIENCE {
            let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
            return Err(CliError::new(
                format!(
                    "the role has the new password, but these processes do not end: {}",
                    pids.join(", ")
                ),
                "look at them in pg_stat_activity, and at the log of the server",
            ));
        }
        ended.extend(pids);
        thread::sleep(INTERVAL);
    }
}

/// Describes the connections that were ended.
pub(super) fn describe(global: &GlobalArgs, ended: usize) -> String {
    format!(
        "Ended {} of role {} that began before the rotation.",
        counted(
            i128::try_from(ended).unwrap_or_default(),
            "connection",
            "connections"
        ),
        one_line(&global.role)
    )
}

fn failed(error: &postgres::Error, global: &GlobalArgs) -> CliError {
    call_failed("end connections", error, global, Rights::Password)
}
