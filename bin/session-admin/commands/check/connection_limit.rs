//! The connection limits that the application's pool meets.

use postgres::Client;

use super::findings::{EnvironmentReport, Finding};

/// A pool needs more connections than this.
const LOW_LIMIT: i32 = 5;

pub(super) fn check_connection_limit(
    client: &mut Client,
    role: &str,
    report: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    let rows = client.query(
        "select 'role', quote_ident(r.rolname), r.rolconnlimit
        from pg_roles as r
        where r.rolname = $1::text
            and r.rolconnlimit between 0 and $2::integer - 1
        union all
        select 'database', quote_ident(d.datname), d.datconnlimit
        from pg_database as d
        where d.datname = current_database()
            and d.datconnlimit between 0 and $2::integer - 1
        order by 1 desc",
        &[&role, &LOW_LIMIT],
    )?;
    for row in rows {
        let (kind, name, limit): (String, String, i32) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let word = if kind == "role" {
            "role_connection_limit_low"
        } else {
            "database_connection_limit_low"
        };
        report.findings.push(Finding::new(
            word,
            format!("{kind} {name} has the connection limit {limit}, which is too low for an application's pool"),
            format!("alter {kind} {name} connection limit -1"),
        ));
    }
    Ok(())
}
