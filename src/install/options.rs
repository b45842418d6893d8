//! The names of a store, and what an install makes of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::durability::Durability;
use crate::error::Error;
use crate::functions::SchemaName;

/// The longest name of PostgreSQL, in bytes.
const MAX_NAME_BYTES: usize = 63;

/// The value of `connect_pg.schedule` that removes the record.
const NO_SCHEDULE: &str = "none";

/// The names of a store's schema and runtime role. Several stores can be in one database under different names.
///
/// A name may hold any character but control characters. Its length is 1 to 63 bytes for a schema, and 1 to 57 bytes for a role,
/// because the owner role's name adds `_owner`. The database refuses reserved names (`pg_…`, `public`).
///
/// ```
/// use connect_pg::install::InstallOptions;
///
/// # fn main() -> Result<(), connect_pg::Error> {
/// let options = InstallOptions::default().schema("shop_web")?.role("shop_app")?;
/// assert_eq!(options.owner_role(), "shop_app_owner");
/// assert_eq!(InstallOptions::default(), InstallOptions::default().schema("web")?.role("nodepg")?);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallOptions {
    schema: String,
    role: String,
    durability: Option<Durability>,
    prune_schedule: Option<String>,
    drop_additions: bool,
    rehearse_upgrade: bool,
    lock_wait: Duration,
    on_wait: Option<OnWait>,
}

/// The function that [`InstallOptions::on_wait`] sets.
#[derive(Clone)]
struct OnWait(Arc<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for OnWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnWait")
    }
}

impl PartialEq for OnWait {
    fn eq(&self, other: &OnWait) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for OnWait {}

impl Default for InstallOptions {
    /// Returns the schema `web` and the role `nodepg`.
    fn default() -> Self {
        Self {
            schema: "web".into(),
            role: "nodepg".into(),
            durability: None,
            prune_schedule: None,
            drop_additions: false,
            rehearse_upgrade: false,
            lock_wait: Duration::from_secs(60),
            on_wait: None,
        }
    }
}

impl InstallOptions {
    /// Sets the name of the schema. Default: `web`.
    ///
    /// # Errors
    ///
    /// The name is empty, too long, or holds a control character ([`Error::is_invalid_argument`]).
    pub fn schema(mut self, name: impl Into<String>) -> Result<Self, Error> {
        self.schema = name.into();
        SchemaName::new(&self.schema)?;
        Ok(self)
    }

    /// Sets the name of the runtime role, which the application logs in as. Default: `nodepg`.
    ///
    /// # Errors
    ///
    /// As for [`schema`](Self::schema).
    pub fn role(mut self, name: impl Into<String>) -> Result<Self, Error> {
        self.role = name.into();
        if self.role.is_empty() {
            return Err(Error::argument("the role name is empty"));
        }
        if self.owner_role().len() > MAX_NAME_BYTES {
            return Err(Error::argument(
                "the role name is longer than 57 bytes, so there is no room for the _owner of its owner role",
            ));
        }
        if self.role.chars().any(char::is_control) {
            return Err(Error::argument("the role name holds a control character"));
        }
        Ok(self)
    }

    /// Sets what a crash of the server may lose. Default: a store keeps its durability, and a new one is [`Durability::Full`].
    ///
    /// To make the session table unlogged, or logged again, PostgreSQL writes it anew. Requests wait meanwhile, for longer the larger the
    /// table is. Another durability holds for connections of the runtime role that begin after the install.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// Records the schedule by which `pg_cron` prunes the store, the five fields of a cron expression. `None` removes the record. Default:
    /// the store keeps its record. The job itself is made by `session-admin install --schedule`: it may be in another database.
    ///
    /// # Errors
    ///
    /// The schedule is empty, longer than 100 characters, or holds a character that no cron expression has.
    pub fn prune_schedule(mut self, schedule: Option<&str>) -> Result<Self, Error> {
        let schedule = schedule.unwrap_or(NO_SCHEDULE);
        let is_allowed =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '*' | '/' | ',' | '$' | ' ' | '-');
        if schedule.trim().is_empty() || schedule.len() > 100 || !schedule.chars().all(is_allowed) {
            return Err(Error::argument(
                "a schedule is the five fields of a cron expression, such as */5 * * * *",
            ));
        }
        self.prune_schedule = Some(schedule.to_owned());
        Ok(self)
    }

    /// Sets whether an upgrade of connect-pg 1.1.5 drops what users added to its table: columns, triggers, constraints, indexes,
    /// and dependent objects such as views. Default: false, so that the upgrade fails and names them.
    #[must_use]
    pub fn drop_additions(mut self, drop: bool) -> Self {
        self.drop_additions = drop;
        self
    }

    /// Sets whether a dry run on a store of connect-pg 1.1.5 runs the upgrade and rolls it back. The sessions of that store are
    /// locked meanwhile, and requests wait. Default: false, so that such a dry run fails.
    #[must_use]
    pub fn rehearse_upgrade(mut self, rehearse: bool) -> Self {
        self.rehearse_upgrade = rehearse;
        self
    }

    /// Sets how long an install tries to get its locks. Default: 60 seconds.
    ///
    /// An install asks for each lock for 200 ms only, since requests queue behind it, and tries again after a pause. If the time
    /// is up, it fails with SQLSTATE 55P03, names the session in the way, and has changed nothing. The build of an index waits as
    /// long for older transactions; no request queues behind it.
    #[must_use]
    pub fn lock_wait(mut self, wait: Duration) -> Self {
        self.lock_wait = wait;
        self
    }

    /// Sets the function that learns which session the install waits for.
    #[must_use]
    pub fn on_wait(mut self, function: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_wait = Some(OnWait(Arc::new(function)));
        self
    }

    /// Returns the name of the schema.
    #[must_use]
    pub fn schema_name(&self) -> &str {
        &self.schema
    }

    /// Returns the name of the runtime role.
    #[must_use]
    pub fn role_name(&self) -> &str {
        &self.role
    }

    /// Returns the name of the role that owns the store: the runtime role's name and `_owner`.
    #[must_use]
    pub fn owner_role(&self) -> String {
        format!("{}_owner", self.role)
    }

    /// Returns the value of `connect_pg.durability`, by which `correct_web()` learns it. An empty one keeps what there is.
    pub(super) fn durability_setting(&self) -> &'static str {
        self.durability.map_or("", Durability::as_str)
    }

    /// Returns the value of `connect_pg.schedule`. An empty one keeps what there is.
    pub(super) fn schedule_setting(&self) -> &str {
        self.prune_schedule.as_deref().unwrap_or_default()
    }

    pub(super) fn lock_wait_time(&self) -> Duration {
        self.lock_wait
    }

    pub(super) fn report_wait(&self, text: &str) {
        if let Some(OnWait(function)) = &self.on_wait {
            function(text);
        }
    }

    pub(super) fn drops_additions(&self) -> bool {
        self.drop_additions
    }

    pub(super) fn rehearses_upgrade(&self) -> bool {
        self.rehearse_upgrade
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_with_any_printable_character_is_accepted() {
        let options = InstallOptions::default();
        assert!(options.clone().schema("we\"\"b; drop").is_ok());
        assert!(options.clone().schema("s".repeat(63)).is_ok());
        assert!(options.clone().role("r".repeat(57)).is_ok());
        assert!(options.role("sélect").is_ok());
    }

    #[test]
    fn name_that_is_empty_too_long_or_unprintable_is_an_error() {
        let options = InstallOptions::default();
        for schema in [String::new(), "a\nb".into(), "s".repeat(64)] {
            let error = options.clone().schema(schema).unwrap_err();
            assert!(error.is_invalid_argument());
        }
        for role in [String::new(), "a\u{7f}".into(), "r".repeat(58)] {
            let error = options.clone().role(role).unwrap_err();
            assert!(error.is_invalid_argument());
        }
    }
}
