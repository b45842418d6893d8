//! The members of the owner role.

use postgres::Client;

use super::findings::{EnvironmentReport, Finding};

/// Notes the roles, other than superusers, that can act as the owner role. No privilege on the tables shows them, yet they can read
/// every session. An administrator may need that, so it is a note.
pub(super) fn check_members(
    client: &mut Client,
    role: &str,
    report: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    // From PostgreSQL 16 on the creator of a role is a member of it, but needs SET or INHERIT to act as it.
    let rows = client.query(
        "select quote_ident(r.rolname), quote_ident(o.rolname)
        from pg_roles as o
        join pg_roles as r on r.oid <> o.oid and not r.rolsuper
        where o.rolname = $1::text || '_owner'
            and (
                pg_has_role(r.oid, o.oid, 'USAGE')
                or pg_has_role(r.oid, o.oid, case when current_setting('server_version_num')::integer >= 160000 then 'SET' else 'MEMBER' end)
            )
        order by 1",
        &[&role],
    )?;
    for row in rows {
        let (member, owner): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        report.notes.push(Finding::new(
            "member_of_owner",
            format!("{member} is a member of {owner} and can read and change every session"),
            format!("revoke {owner} from {member}, unless that is an administrator"),
        ));
    }
    Ok(())
}
