//! The privileges of PUBLIC, which the runtime role has as well.

use postgres::Client;

use super::findings::{EnvironmentReport, Finding};

pub(super) fn check_public(
    client: &mut Client,
    role: &str,
    report: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    let row = client.query_one(
        "select
            quote_ident(current_database()),
            exists (
                select from pg_database as d
                cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as x
                where d.datname = current_database() and x.grantee = 0 and x.privilege_type = 'TEMPORARY'
            ),
            exists (
                select from pg_namespace as n
                cross join aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) as x
                where n.nspname = 'public' and x.grantee = 0 and x.privilege_type = 'CREATE'
            ),
            exists (
                select from pg_database as d
                cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as x
                where d.datname = current_database() and x.grantee = 0 and x.privilege_type = 'CONNECT'
            ),
            quote_ident($1::text)",
        &[&role],
    )?;
    let database: String = row.try_get(0)?;
    if row.try_get(1)? {
        report.notes.push(Finding::new(
            "public_may_make_temporary_tables",
            "PUBLIC has TEMPORARY on this database (the default), so the runtime role can create temporary tables",
            format!("revoke temporary on database {database} from public, unless another role needs it"),
        ));
    }
    if row.try_get(2)? {
        report.notes.push(Finding::new(
            "public_may_create_in_public",
            "PUBLIC has CREATE on schema public (the default before PostgreSQL 15), so the runtime role can create tables and functions there",
            "revoke create on schema public from public",
        ));
    }
    if row.try_get(3)? {
        let role: String = row.try_get(4)?;
        report.notes.push(Finding::new(
            "public_may_connect",
            "PUBLIC has CONNECT on this database (the default), so every role of the server can log in to it",
            format!(
                "grant connect on database {database} to {role}; revoke connect on database {database} from public, \
                 unless other roles need it"
            ),
        ));
    }
    Ok(())
}
