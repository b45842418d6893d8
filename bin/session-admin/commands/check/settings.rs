//! The settings of the roles, which every later connection takes over.

use connect_pg::install::Change;
use postgres::Client;

use super::findings::{EnvironmentReport, Finding};
use crate::support::role_settings::{self, SettingClass};

/// Stands between two settings in the drift of a role.
const SEPARATOR: &str = ", ";

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
            SettingClass::Dangerous => {
                if let Some(role) = &setting.role {
                    let assignment = setting.assignment();
                    report.role_settings.push((role.clone(), assignment));
                }
                report.findings.push(Finding::new(
                    if is_of_role {
                        "dangerous_role_setting"
                    } else {
                        "dangerous_database_setting"
                    },
                    format!("{text}, which can expose session data or make calls fail"),
                    setting.reset,
                ));
            }
        }
    }
    Ok(())
}

/// Takes the settings that are findings out of the drift of the roles, so that each is reported once.
pub(super) fn remove_from_drift(report: &EnvironmentReport, drift: &mut Vec<Change>) {
    drift.retain_mut(|change| {
        if (&*change.kind, change.attribute.as_deref()) != ("role", Some("settings")) {
            return true;
        }
        // A value may contain the separator. Then its parts are removed.
        let before = change.before.take().unwrap_or_default();
        let mut remaining: Vec<&str> = before.split(SEPARATOR).collect();
        for (role, assignment) in &report.role_settings {
            if *role == change.object {
                for part in assignment.split(SEPARATOR) {
                    if let Some(at) = remaining.iter().position(|existing| *existing == part) {
                        remaining.remove(at);
                    }
                }
            }
        }
        let remaining = remaining.join(SEPARATOR);
        change.before = Some(remaining).filter(|settings| !settings.is_empty());
        change.before != change.after
    });
}
