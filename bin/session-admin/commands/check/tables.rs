//! What `alter table` can change beside the columns.

use postgres::Client;

use super::findings::{EnvironmentReport, Finding};

pub(super) fn check_tables(
    client: &mut Client,
    schema: &str,
    report: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    let rows = client.query(
        "select
            c.oid::regclass::text,
            case c.relreplident when 'f' then 'full' when 'n' then 'nothing' when 'i' then 'an index' end
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = $1::text
            and c.relkind = 'r'
            and c.relreplident <> 'd'
        order by 1",
        &[&schema],
    )?;
    for row in rows {
        let (table, identity): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        report.findings.push(Finding::new(
            "replica_identity_changed",
            format!("table {table} has the replica identity {identity}: the write-ahead log contains old rows, or a subscriber misses changes"),
            format!("alter table {table} replica identity default"),
        ));
    }
    Ok(())
}
