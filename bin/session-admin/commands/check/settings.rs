//! The settings of the roles, which every later connection takes over.

use postgres::Client;

use super::findings::{EnvironmentReport, Finding};
use crate::support::role_settings::{self, SettingClass};

/// Checks the stored settings of the roles. An attacker with the role's password may have set most of them.
pub(super) fn check_settings(
    client: &mut Client,
    role: &str,
    report: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    for setting in role_settings::read(client, role)? {
        let of = match (&setting.role, &setting.database) {
            (Some(role), Some(_)) => format!("role {role} in this database"),
            (Some(role), None) => format!("role {role}"),
            (None, Some(_)) => "this database, for all roles,".into(),
            (None, None) => "the server, for all roles,".into(),
        };
        let text = format!("{of} has the setting {}", setting.assignment());
        let is_of_role = setting.role.is_some();
        match setting.class() {
            SettingClass::Installed => {}
            SettingClass::Harmless => report.notes.push(Finding::new(
                if is_of_role {
                    "role_setting"
                } else {
                    "database_setting"
                },
                text,
                format!("{}, unless an operator wants it", setting.reset),
            )),
            SettingClass::Dangerous => report.findings.push(Finding::new(
                if is_of_role {
                    "dangerous_role_setting"
                } else {
                    "dangerous_database_setting"
                },
                format!("{text}, which can expose session data or make calls fail"),
                setting.reset,
            )),
        }
    }
    Ok(())
}
