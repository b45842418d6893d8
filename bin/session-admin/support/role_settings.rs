//! The settings that `alter role … set` and `alter database … set` leave in the catalog.

use postgres::Client;

/// What `install` sets for the runtime role in the database.
const INSTALLED: [&str; 4] = [
    "enable_seqscan=off",
    "jit=off",
    "lock_timeout=10s",
    // Of a relaxed store. In another one it is drift.
    "synchronous_commit=off",
];

/// What an operator may set without harm, in lower case. `install` resets every other setting of the two roles; its list is in
/// `sql/install/roles.sql`.
const HARMLESS: [&str; 9] = [
    "application_name",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "lock_timeout",
    "log_min_duration_statement",
    "statement_timeout",
    "timezone",
    "transaction_timeout",
    "work_mem",
];

/// Whether commits wait for a standby is the operator's.
const HARMLESS_COMMIT: [&str; 4] = ["local", "on", "remote_apply", "remote_write"];

/// A timeout below this many milliseconds makes calls fail.
const MIN_TIMEOUT_MS: f64 = 100.0;

/// What is dangerous even if it is set for all roles of the database, in lower case.
const DANGEROUS: [&str; 14] = [
    "backtrace_functions",
    "client_min_messages",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "enable_indexscan",
    "event_triggers",
    "local_preload_libraries",
    "plan_cache_mode",
    "role",
    "row_security",
    "session_preload_libraries",
    "session_replication_role",
    "zero_damaged_pages",
];
const DANGEROUS_PREFIXES: [&str; 4] = ["auto_explain.", "debug_", "log_", "trace_"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SettingClass {
    /// `install` sets it.
    Installed,
    /// The operator's.
    Harmless,
    Dangerous,
}

/// A setting that a new connection of the role takes over.
pub(crate) struct StoredSetting {
    /// None if it is of all roles.
    pub(crate) role: Option<String>,
    /// None if it is of all databases.
    pub(crate) database: Option<String>,
    pub(crate) name: String,
    pub(crate) value: String,
    /// The statement that removes it.
    pub(crate) reset: String,
}

impl StoredSetting {
    pub(crate) fn class(&self) -> SettingClass {
        let name = self.name.to_ascii_lowercase();
        let is_of_role_in_database = self.role.is_some() && self.database.is_some();
        if is_of_role_in_database && INSTALLED.contains(&self.assignment().as_str()) {
            SettingClass::Installed
        } else if HARMLESS.contains(&name.as_str()) {
            if name.ends_with("_timeout") && is_short_timeout(&self.value) {
                SettingClass::Dangerous
            } else {
                SettingClass::Harmless
            }
        } else if name == "synchronous_commit" && HARMLESS_COMMIT.contains(&self.value.as_str()) {
            SettingClass::Harmless
        } else if self.role.is_some()
            || DANGEROUS.contains(&name.as_str())
            || DANGEROUS_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix))
        {
            SettingClass::Dangerous
        } else {
            // An operator sets it for other applications. Every function of the store has its own search_path.
            SettingClass::Harmless
        }
    }

    /// Returns `name=value`.
    pub(crate) fn assignment(&self) -> String {
        format!("{}={}", self.name, self.value)
    }
}

/// Reads the settings of the runtime role, of its owner role, and of all roles in this database.
pub(crate) fn read(client: &mut Client, role: &str) -> Result<Vec<StoredSetting>, postgres::Error> {
    client
        .query(
            "select
                r.rolname::pg_catalog.text,
                b.datname::pg_catalog.text,
                s.name,
                pg_catalog.substr(c.setting, pg_catalog.length(s.name) + 2),
                pg_catalog.quote_ident(r.rolname),
                pg_catalog.quote_ident(b.datname),
                pg_catalog.quote_ident(s.name)
            from pg_catalog.pg_db_role_setting as d
            cross join pg_catalog.unnest(d.setconfig) as c (setting)
            cross join pg_catalog.split_part(c.setting, '=', 1) as s (name)
            left join pg_catalog.pg_roles as r on r.oid = d.setrole
            left join pg_catalog.pg_database as b on b.oid = d.setdatabase
            where (d.setrole = 0 or r.rolname = $1::pg_catalog.text or r.rolname = $1::pg_catalog.text || '_owner')
                and (d.setdatabase = 0 or b.datname = pg_catalog.current_database())
            order by r.rolname nulls last, b.datname nulls first, s.name",
            &[&role],
        )?
        .iter()
        .map(|row| {
            Ok(StoredSetting {
                role: row.try_get(0)?,
                database: row.try_get(1)?,
                name: row.try_get(2)?,
                value: row.try_get(3)?,
                reset: reset(row.try_get(4)?, row.try_get(5)?, row.try_get(6)?),
            })
        })
        .collect()
}

/// Returns the statement that removes a setting. The names are quoted for SQL; no role means all roles.
fn reset(role: Option<&str>, database: Option<&str>, name: &str) -> String {
    match (role, database) {
        (Some(role), Some(database)) => {
            format!("alter role {role} in database {database} reset {name}")
        }
        (None, Some(database)) => format!("alter database {database} reset {name}"),
        (role, None) => format!("alter role {} reset {name}", role.unwrap_or("all")),
    }
}

/// Returns true for a timeout that is on and below the limit. A text that is no timeout counts as one.
fn is_short_timeout(value: &str) -> bool {
    let value = value.trim();
    let unit_at = value
        .find(|character: char| character.is_ascii_alphabetic())
        .unwrap_or(value.len());
    let (number, unit) = value.split_at(unit_at);
    let milliseconds = match unit {
        "us" => 0.001,
        "" | "ms" => 1.0,
        "s" => 1000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return true,
    };
    match number.trim().parse::<f64>() {
        Ok(number) => number != 0.0 && number * milliseconds < MIN_TIMEOUT_MS,
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_timeouts_are_recognized_in_every_unit() {
        for short in [
            "1", "99", "1ms", " 50 ms", "0.05s", "500us", "0x1", "soon", "",
        ] {
            assert!(is_short_timeout(short), "{short}");
        }
        for long in ["0", "0s", "100", "100ms", "1s", "1.5min", "2h", "1 d"] {
            assert!(!is_short_timeout(long), "{long}");
        }
    }

    #[test]
    fn reset_names_scope_of_setting() {
        for (role, database, statement) in [
            (Some("shop"), None, "alter role shop reset jit"),
            (
                Some("shop"),
                Some("db"),
                "alter role shop in database db reset jit",
            ),
            (None, Some("db"), "alter database db reset jit"),
            (None, None, "alter role all reset jit"),
        ] {
            assert_eq!(reset(role, database, "jit"), statement);
        }
    }

    #[test]
    fn class_depends_on_name_value_and_scope() {
        use SettingClass::{Dangerous, Harmless, Installed};
        let class = |role: Option<&str>, database: Option<&str>, name: &str, value: &str| {
            StoredSetting {
                role: role.map(Into::into),
                database: database.map(Into::into),
                name: name.into(),
                value: value.into(),
                reset: String::new(),
            }
            .class()
        };
        let (role, database) = (Some("nodepg"), Some("shop"));
        for (role, database, name, value, expected) in [
            (role, database, "jit", "off", Installed),
            (role, database, "enable_seqscan", "off", Installed),
            (role, database, "lock_timeout", "10s", Installed),
            (role, None, "lock_timeout", "10s", Harmless),
            (role, database, "jit", "on", Dangerous),
            (role, database, "synchronous_commit", "off", Installed),
            (role, None, "synchronous_commit", "off", Dangerous),
            (role, database, "synchronous_commit", "no", Dangerous),
            (role, None, "synchronous_commit", "local", Harmless),
            (role, None, "statement_timeout", "5s", Harmless),
            (role, None, "statement_timeout", "1ms", Dangerous),
            (role, None, "TimeZone", "UTC", Harmless),
            (role, None, "search_path", "x", Dangerous),
            (role, None, "shop.tenant", "1", Dangerous),
            (None, database, "search_path", "x", Harmless),
            (None, database, "lock_timeout", "1", Dangerous),
            (None, database, "debug_print_plan", "on", Dangerous),
            (None, database, "log_statement", "all", Dangerous),
            (None, database, "log_min_duration_statement", "0", Harmless),
            (
                None,
                database,
                "default_transaction_isolation",
                "serializable",
                Dangerous,
            ),
        ] {
            assert_eq!(
                class(role, database, name, value),
                expected,
                "{name}={value}"
            );
        }
    }
}
