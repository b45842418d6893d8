//! What a crash of the server loses.

use connect_pg::Error;
use connect_pg::install::{Durability, InstallOptions, durability};
use postgres::Client;

use super::findings::{EnvironmentReport, Finding};
use crate::support::durability::loss;

/// Returns the durability that the store has, and notes it unless nothing is lost. Returns none if there is no session table.
pub(super) fn check_durability(
    client: &mut Client,
    options: &InstallOptions,
    report: &mut EnvironmentReport,
) -> Result<Option<Durability>, Error> {
    let durability = match durability(client, options) {
        Ok(durability) => durability,
        Err(error) if error.is_not_installed() => return Ok(None),
        Err(error) => return Err(error),
    };
    let name = match durability {
        Durability::Relaxed => "durability_relaxed",
        Durability::Unlogged => "durability_unlogged",
        _ => {
            check_server(client, options.role_name(), report)?;
            return Ok(Some(durability));
        }
    };
    report.notes.push(Finding::new(
        name,
        format!("the durability is {durability}: {}", loss(durability)),
        "session-admin install --durability full, unless that is wanted",
    ));
    Ok(Some(durability))
}

/// Notes that the server does not wait for the disk, whatever the store is.
fn check_server(
    client: &mut Client,
    role: &str,
    report: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    // What this user or its connection has set says nothing about the runtime role.
    let row = client.query_one(
        "select
            s.setting = 'off'
            and s.source in ('configuration file', 'command line', 'global', 'database')
            and not exists (
                select
                from pg_catalog.pg_db_role_setting as d
                join pg_catalog.pg_roles as r on r.oid = d.setrole
                cross join pg_catalog.unnest(d.setconfig) as c (setting)
                where r.rolname = $1::pg_catalog.text
                    and d.setdatabase in (0, (select b.oid from pg_catalog.pg_database as b where b.datname = pg_catalog.current_database()))
                    and c.setting like 'synchronous_commit=%'
            )
        from pg_catalog.pg_settings as s
        where s.name = 'synchronous_commit'",
        &[&role],
    )?;
    if row.try_get(0)? {
        report.notes.push(Finding::new(
            "durability_relaxed_by_server",
            format!(
                "the server or the database has synchronous_commit = off, so {}",
                loss(Durability::Relaxed)
            ),
            "set it on, or for the runtime role alone: alter role … in database … set synchronous_commit = on",
        ));
    }
    Ok(())
}
