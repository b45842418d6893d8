//! The members of the runtime role and of the owner role.

use postgres::Client;

use super::findings::{EnvironmentReport, Finding};

/// Reports the roles, other than superusers, that can act as one of the two. No privilege on the tables shows them.
///
/// An administrator may need the owner role, so that is a note. No other role needs the runtime role.
pub(super) fn check_members(
    client: &mut Client,
    role: &str,
    report: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    // From PostgreSQL 16 on the creator of a role is a member of it, but needs SET or INHERIT to act as it.
    let rows = client.query(
        "select quote_ident(r.rolname), quote_ident(o.rolname), o.rolname = $1::text
        from pg_roles as o
        join pg_roles as r on r.oid <> o.oid and not r.rolsuper
        where o.rolname in ($1::text, $1::text || '_owner')
            and r.rolname <> $1::text || '_owner'
            and (
                pg_has_role(r.oid, o.oid, 'USAGE')
                or pg_has_role(r.oid, o.oid, case when current_setting('server_version_num')::integer >= 160000 then 'SET' else 'MEMBER' end)
            )
        order by 3 desc, 1",
        &[&role],
    )?;
    for row in rows {
        let (member, group): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if row.try_get(2)? {
            report.findings.push(Finding::new(
                "member_of_runtime_role",
                format!("{member} is a member of {group} and can do what the application can"),
                format!("revoke {group} from {member}"),
            ));
        } else {
            report.notes.push(Finding::new(
                "member_of_owner",
                format!("{member} is a member of {group} and can read and change every session"),
                format!("revoke {group} from {member}, unless that is an administrator"),
            ));
        }
    }
    Ok(())
}
