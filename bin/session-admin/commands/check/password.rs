//! The password of the runtime role.

use connect_pg::quote_identifier;
use postgres::Client;

use super::findings::{EnvironmentReport, Finding};
use crate::support::scram::{self, PasswordForm};

const ROTATE: &str = "session-admin rotate-password --output FILE";

pub(super) fn check_password(
    client: &mut Client,
    role: &str,
    report: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    let may_see = report.may_see(
        client,
        "has_column_privilege('pg_authid', 'rolpassword', 'select')",
        "password_not_visible",
        &format!("role {role} has a password"),
    )?;
    if !may_see {
        return Ok(());
    }
    let row = client.query_opt(
        "select a.rolpassword, a.rolvaliduntil < now() from pg_authid as a where a.rolname = $1::text",
        &[&role],
    )?;
    let Some(row) = row else { return Ok(()) };
    let stored: Option<String> = row.try_get(0)?;
    let is_expired: Option<bool> = row.try_get(1)?;
    match stored {
        None => report.findings.push(Finding::new(
            "role_has_no_password",
            format!("role {role} has no password and cannot log in with one"),
            ROTATE,
        )),
        Some(stored) if scram::matches(&stored, role, "password") => {
            report.findings.push(Finding::new(
                "role_has_default_password",
                format!(
                    "role {role} has the default password of connect-pg 1.1.5, which is public"
                ),
                ROTATE,
            ));
        }
        Some(stored) if scram::form(&stored) == PasswordForm::Md5 => {
            report.notes.push(Finding::new(
                "password_stored_as_md5",
                format!("the password of role {role} is stored as MD5, which is easy to break"),
                format!("{ROTATE} stores it for SCRAM-SHA-256"),
            ));
        }
        Some(_) => {}
    }
    if is_expired == Some(true) {
        report.notes.push(Finding::new(
            "password_expired",
            format!("the password of role {role} has expired (valid until)"),
            format!(
                "alter role {} valid until 'infinity'",
                quote_identifier(role)
            ),
        ));
    }
    Ok(())
}
