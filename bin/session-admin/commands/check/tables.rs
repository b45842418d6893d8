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
            case c.relreplident when 'f' then 'full' when 'n' then 'nothing' when 'i' then 'an index' end,
            coalesce((
                select not o.option_value::boolean
                from pg_class as t
                cross join pg_options_to_table(t.reloptions) as o
                where t.oid = c.reltoastrelid
                    and o.option_name = 'autovacuum_enabled'
            ), false)
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = $1::text
            and c.relkind = 'r'
        order by 1",
        &[&schema],
    )?;
    for row in rows {
        let (table, replica_identity, is_toast_left): (String, Option<String>, bool) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if let Some(identity) = replica_identity {
            report.findings.push(Finding::new(
                "replica_identity_changed",
                format!("table {table} has the replica identity {identity}: the write-ahead log contains old rows, or a subscriber misses changes"),
                format!("alter table {table} replica identity default"),
            ));
        }
        if is_toast_left {
            report.findings.push(Finding::new(
                "toast_autovacuum_off",
                format!(
                    "autovacuum is off for the large values of table {table}, so they fill the disk"
                ),
                format!("alter table {table} reset (toast.autovacuum_enabled)"),
            ));
        }
    }
    Ok(())
}
