//! The processes whose open transactions keep the sessions from being locked.

use postgres::Client;
use postgres::error::SqlState;
use serde_json::json;

use crate::support::cli_error::CliError;
use crate::support::error_details::ErrorDetails;
use crate::support::text::one_line;

/// A process that was asked to end.
pub(crate) struct Blocker {
    pid: i32,
    role: Option<String>,
    application_name: Option<String>,
    /// How long its transaction was open. None if this user may not see that.
    age: Option<String>,
    /// False if it still ran after five seconds.
    has_ended: bool,
}

impl Blocker {
    pub(crate) fn describe(&self) -> String {
        let mut details = vec![format!(
            "role {}",
            self.role.as_deref().unwrap_or("unknown")
        )];
        details.extend(
            self.application_name
                .as_deref()
                .filter(|name| !name.is_empty())
                .map(|name| format!("application {name}")),
        );
        details.extend(
            self.age
                .as_deref()
                .map(|age| format!("transaction open for {age}")),
        );
        let verb = if self.has_ended {
            "Ended"
        } else {
            "Asked in vain to end:"
        };
        one_line(&format!(
            "{verb} process {} ({})",
            self.pid,
            details.join(", ")
        ))
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        json!({
            "pid": self.pid,
            "role": self.role,
            "application_name": self.application_name,
            "transaction_age": self.age,
            "has_ended": self.has_ended,
        })
    }
}

/// Ends the processes that hold a lock on the session table against the lock that `end_all_sessions` takes.
///
/// A process whose transaction is younger than a second is left alone, because it does not keep that lock away for long.
pub(crate) fn terminate(client: &mut Client, schema: &str) -> Result<Vec<Blocker>, CliError> {
    let rows = client
        .query(
            "with blocker as materialized (
                select distinct
                    l.pid,
                    a.usename::pg_catalog.text as role,
                    a.application_name,
                    pg_catalog.date_trunc('second', pg_catalog.clock_timestamp() - a.xact_start)::pg_catalog.text as age
                from pg_catalog.pg_locks as l
                join pg_catalog.pg_class as c on c.oid = l.relation
                join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
                left join pg_catalog.pg_stat_activity as a on a.pid = l.pid
                where n.nspname = $1::pg_catalog.text
                    and c.relname = 'session'
                    and c.relkind = 'r'
                    and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
                    and l.granted
                    and l.mode <> 'AccessShareLock'
                    and l.pid <> pg_catalog.pg_backend_pid()
                    and coalesce(a.xact_start < pg_catalog.clock_timestamp() - interval '1 second', true)
            )
            select b.pid, b.role, b.application_name, b.age, pg_catalog.pg_terminate_backend(b.pid, 5000)
            from blocker as b
            order by b.pid",
            &[&schema],
        )
        .map_err(|error| failed(&error))?;
    rows.iter()
        .map(|row| {
            Ok(Blocker {
                pid: row.try_get(0)?,
                role: row.try_get(1)?,
                application_name: row.try_get(2)?,
                age: row.try_get(3)?,
                has_ended: row.try_get(4)?,
            })
        })
        .collect::<Result<_, _>>()
        .map_err(|error| failed(&error))
}

fn failed(error: &postgres::Error) -> CliError {
    let details = ErrorDetails::of(error);
    let hint = if details.has_code(&[SqlState::INSUFFICIENT_PRIVILEGE]) {
        "connect as a superuser, or as a role that is also a member of pg_signal_backend"
    } else {
        "read the message above, and run it again"
    };
    CliError::new(
        format!("cannot end the processes in the way: {}", details.text),
        hint,
    )
}
