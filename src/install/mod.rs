//! Installing, repairing and checking the store in a database: what `session-admin install` and `check` do.
//!
//! The SQL of every release is part of this library (`sql/released/`), carried by [refinery], which keeps its history in
//! `public.correct_web_history`. It makes the routine `public.correct_web(schema, role)`, and that routine makes, repairs
//! or upgrades a store and reports what it changed. Here both happen **in one transaction**: a failure at any point leaves
//! the database as it was.
//!
//! Installs into one database wait for each other, by a session-level advisory lock (key [`LOCK_KEY`]) that is taken before
//! the transaction and released after it. So the connection must lead straight to a server: not through a pooler
//! that shares connections between transactions (pgbouncer's `pool_mode = transaction`), and not be inside a transaction.
//!
//! Who may install: a superuser, or a role with `CREATEROLE` that owns the database.
//!
//! ```no_run
//! # fn main() -> Result<(), connect_pg::Error> {
//! use connect_pg::ConnectionSettings;
//! use connect_pg::install::{InstallOptions, install};
//!
//! let mut client = ConnectionSettings::from_env()?.connect()?;
//! let report = install(&mut client, &InstallOptions::default())?;
//! for change in &report.changes {
//!     println!("{} {} {}", change.action, change.kind, change.object);
//! }
//! # Ok(()) }
//! ```
//!
//! [refinery]: https://docs.rs/refinery

mod history;
mod refinery;

use std::collections::BTreeMap;

use postgres::error::SqlState;
use postgres::{Client, IsolationLevel, Transaction};
use refinery_core::{Migration, Runner};

use self::refinery::RefineryConnection;
use crate::error::Error;
use crate::functions::SchemaName;
use crate::runtime::async_context;
use history::{HISTORY, check_history, lock_history};

mod embedded {
    ::refinery::embed_migrations!("sql/released");
}

/// The key of the advisory lock that an install holds, so that installs into one database wait for each other:
/// the bytes of `conectpg` as a big-endian integer. `pg_locks` shows it while an install runs.
pub const LOCK_KEY: i64 = i64::from_be_bytes(*b"conectpg");

/// How long a check waits for a lock before it gives up with SQLSTATE 55P03.
const CHECK_LOCK_TIMEOUT: &str = "5s";

/// Which store: the names of its schema and of its runtime role. Several stores live in one database under different names.
///
/// A name is refused when it is empty, longer than 63 bytes, or holds a control character; a role leaves 6 bytes for the
/// `_owner` of its owner role. Any other character is allowed. Names that PostgreSQL keeps for itself (`pg_…`, `public`)
/// are refused by the database.
///
/// ```
/// use connect_pg::install::InstallOptions;
///
/// let options = InstallOptions::default().schema("shop_web").role("shop_app");
/// assert_eq!(options.owner_role(), "shop_app_owner");
/// assert_eq!(InstallOptions::default(), InstallOptions::default().schema("web").role("nodepg"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallOptions {
    schema: String,
    role: String,
    drop_additions: bool,
}

impl Default for InstallOptions {
    /// The schema `web` and the role `nodepg`.
    fn default() -> Self {
        Self {
            schema: "web".into(),
            role: "nodepg".into(),
            drop_additions: false,
        }
    }
}

impl InstallOptions {
    /// Names the schema. Default: `web`.
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// Names the runtime role, as which the application logs in. Default: `nodepg`.
    #[must_use]
    pub fn role(mut self, name: impl Into<String>) -> Self {
        self.role = name.into();
        self
    }

    /// Lets an upgrade of connect-pg 1.1.5 drop what its users added to its table: columns, triggers, constraints, indexes,
    /// and whatever stands on the table, views for instance. Without this they are named, and the upgrade is refused.
    #[must_use]
    pub fn drop_additions(mut self, drop: bool) -> Self {
        self.drop_additions = drop;
        self
    }

    /// The name of the schema.
    #[must_use]
    pub fn schema_name(&self) -> &str {
        &self.schema
    }

    /// The name of the runtime role.
    #[must_use]
    pub fn role_name(&self) -> &str {
        &self.role
    }

    /// The name of the role that owns the store: the runtime role's with `_owner` after it.
    #[must_use]
    pub fn owner_role(&self) -> String {
        format!("{}_owner", self.role)
    }

    /// Refuses names that PostgreSQL would change, or that are a mistake.
    ///
    /// # Errors
    ///
    /// A name is empty, too long, or holds a control character ([`Error::is_invalid_argument`]).
    pub fn validate(&self) -> Result<(), Error> {
        SchemaName::new(&self.schema)?;
        if self.role.is_empty() {
            return Err(Error::argument("the role name is empty"));
        }
        if self.owner_role().len() > 63 {
            return Err(Error::argument(
                "the role name is longer than 57 bytes, which leave room for the _owner of its owner role",
            ));
        }
        if self.role.chars().any(char::is_control) {
            return Err(Error::argument("the role name holds a control character"));
        }
        Ok(())
    }
}

/// One thing that an install changed, or would change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// `created`, `changed` or `removed`.
    pub action: String,
    /// What it is: `release`, `routine`, `role`, `schema`, `table`, `column`, `index`, `function`, `privilege`, …
    pub kind: String,
    /// Its name.
    pub object: String,
    /// Which of its attributes changed; none where the whole thing is new or gone.
    pub attribute: Option<String>,
    /// The attribute before. For the body of a function, a digest of it.
    pub before: Option<String>,
    /// The attribute after.
    pub after: Option<String>,
}

impl Change {
    fn new(action: &str, kind: &str, object: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            kind: kind.into(),
            object: object.into(),
            attribute: None,
            before: None,
            after: None,
        }
    }
}

/// What an install did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstallReport {
    /// The release that the database has now: the highest version in `sql/released/`.
    pub version: i32,
    /// What was changed, in the order in which it is best read. Empty: everything was right.
    pub changes: Vec<Change>,
    /// Releases that the history lacks although the routine is as released: it was installed by the [`script`]. Only [`check`]
    /// tells them apart, since that is no drift; [`install`] records them, and counts that among the changes.
    pub missing_from_history: Vec<i32>,
}

/// Creates, repairs or upgrades a store. A second call changes nothing and reports nothing; sessions survive every call.
///
/// # Errors
///
/// The database is newer than this library ([`Error::is_newer_database`]), the role may not do it (SQLSTATE 42501:
/// connect as a superuser, or as a role with `CREATEROLE` that owns the database), something in the way belongs to
/// somebody who is not to be trusted, a name is refused, or the server fails. The database is then as it was,
/// unless the connection broke while the transaction was being committed ([`Error::is_outcome_unknown`]); to
/// repeat the call is always safe.
pub fn install(client: &mut Client, options: &InstallOptions) -> Result<InstallReport, Error> {
    options.validate()?;
    async_context::block(|| {
        client
            .execute("select pg_catalog.pg_advisory_lock($1)", &[&LOCK_KEY])
            .map_err(Error::call)?;
        let result = in_transaction(client, options, Mode::Install);
        // Whatever happened: a connection that lives on must not keep the lock. One that is gone has lost it.
        if !client.is_closed() {
            let unlocked = client.execute("select pg_catalog.pg_advisory_unlock($1)", &[&LOCK_KEY]);
            if result.is_ok() {
                unlocked.map_err(Error::call)?;
            }
        }
        result
    })
}

/// What [`install`] would change now. Runs it in a transaction that is rolled back, so it needs the same rights and
/// waits for the same locks; nothing is left behind.
///
/// # Errors
///
/// As for [`install`].
pub fn dry_run(client: &mut Client, options: &InstallOptions) -> Result<InstallReport, Error> {
    options.validate()?;
    async_context::block(|| in_transaction(client, options, Mode::DryRun))
}

/// How a store that should be there differs from what [`install`] would make of it. As [`dry_run`], but it gives up with
/// SQLSTATE 55P03 where it would wait more than 5 seconds for a lock.
///
/// # Errors
///
/// As for [`install`]; and there is no store under these names ([`Error::is_not_installed`]).
pub fn check(client: &mut Client, options: &InstallOptions) -> Result<InstallReport, Error> {
    options.validate()?;
    async_context::block(|| in_transaction(client, options, Mode::Check))
}

/// The newest release as one SQL script, which a DBA can read and run with `psql -f` instead of [`install`].
/// It needs no connection, and does in one transaction what [`install`] does, except that it writes no
/// history of releases; a later [`install`] adds that.
///
/// # Errors
///
/// A name is refused ([`Error::is_invalid_argument`]).
pub fn script(options: &InstallOptions) -> Result<String, Error> {
    options.validate()?;
    let runner = embedded::migrations::runner();
    let (version, sql) = newest(&runner)?;
    // Neither name may go into a comment: names hold any character but control characters.
    Ok(format!(
        "-- connect-pg {}, release {version} of correct_web(): creates, repairs or upgrades a session store.\n\
         -- As a superuser, or as a role with CREATEROLE that owns the database:\n\
         --     psql --no-psqlrc --dbname=DATABASE --file=THIS_FILE\n\
         -- All or nothing: one transaction. The last statement prints what was changed.\n\
         \\set ON_ERROR_STOP on\n\
         set client_encoding = 'UTF8';\n\
         set standard_conforming_strings = on;\n\
         set quote_all_identifiers = off;\n\
         \n\
         begin isolation level read committed read write;\n\
         {drop_additions}\n\
         {sql}\n\
         \n\
         select action, kind, object, attribute, before, after\n\
         from public.correct_web({}, {});\n\
         \n\
         commit;\n",
        env!("CARGO_PKG_VERSION"),
        literal(&options.schema),
        literal(&options.role),
        drop_additions = if options.drop_additions {
            "set local connect_pg.drop_additions = on;\n"
        } else {
            ""
        },
        sql = sql.trim_end(),
    ))
}

/// A text as an SQL literal that reads the same whatever `standard_conforming_strings` is.
fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') {
        format!("E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

/// What to do with the transaction in the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Install,
    DryRun,
    Check,
}

fn in_transaction(
    client: &mut Client,
    options: &InstallOptions,
    mode: Mode,
) -> Result<InstallReport, Error> {
    // Asked first, because each statement that a standby refuses has an SQLSTATE of its own.
    let is_standby: bool = client
        .query_one("select pg_catalog.pg_is_in_recovery()", &[])
        .and_then(|row| row.try_get(0))
        .map_err(Error::call)?;
    if is_standby {
        return Err(Error::standby());
    }
    let mut transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted)
        .read_only(false)
        .start()
        .map_err(Error::call)?;
    // Nothing that lies about in another schema may be taken for something of PostgreSQL's, and the released SQL means what
    // it says whatever this role or this database has set.
    transaction
        .batch_execute(
            "set local search_path = pg_catalog, pg_temp;
             set local standard_conforming_strings = on;
             set local quote_all_identifiers = off;
             set local check_function_bodies = on",
        )
        .map_err(Error::call)?;
    if options.drop_additions {
        transaction
            .batch_execute("set local connect_pg.drop_additions = on")
            .map_err(Error::call)?;
    }
    if mode == Mode::Check {
        transaction
            .batch_execute(&format!("set local lock_timeout = '{CHECK_LOCK_TIMEOUT}'"))
            .map_err(Error::call)?;
        require_store(&mut transaction, options)?;
    }
    if mode != Mode::Install {
        transaction
            .execute("select pg_advisory_xact_lock($1)", &[&LOCK_KEY])
            .map_err(Error::call)?;
    }
    let report = apply(&mut transaction, options, mode)?;
    if mode == Mode::Install {
        transaction.commit().map_err(|error| {
            let broken = error.code().is_none();
            let error = Error::call(error);
            if broken {
                error.with_outcome_unknown()
            } else {
                error
            }
        })?;
    } else {
        transaction.rollback().map_err(Error::call)?;
    }
    Ok(report)
}

/// A check of what was never installed is another answer than a long list of what is missing.
fn require_store(transaction: &mut Transaction<'_>, options: &InstallOptions) -> Result<(), Error> {
    let row = transaction
        .query_one(
            "select to_regprocedure('public.correct_web(text, text)') is not null
                and exists (select from pg_namespace as n where n.nspname = $1::text)",
            &[&options.schema],
        )
        .map_err(Error::call)?;
    if row.try_get(0).map_err(Error::column)? {
        Ok(())
    } else {
        Err(Error::not_installed())
    }
}

/// Brings the routine up to date, then the store by means of it.
fn apply(
    transaction: &mut Transaction<'_>,
    options: &InstallOptions,
    mode: Mode,
) -> Result<InstallReport, Error> {
    let mut runner = embedded::migrations::runner().set_grouped(true);
    runner.set_migration_table_name(HISTORY);
    let (version, newest_sql) = newest(&runner)?;
    let newest_sql = newest_sql.to_owned();

    let mut changes = Vec::new();
    let found = lock_history(transaction)?;
    if found {
        check_history(transaction, runner.get_migrations())?;
    }
    let routine_before = routine(transaction)?;
    let mut database = RefineryConnection {
        transaction,
        embedded: runner.get_migrations().clone(),
        failure: None,
    };
    let applied = match runner.run(&mut database) {
        Ok(report) => report.applied_migrations().clone(),
        Err(error) => {
            return Err(match database.failure {
                Some(failure) => failure,
                None => Error::install(error.to_string()),
            });
        }
    };
    if applied.is_empty() {
        refresh_routine(transaction, &newest_sql, &routine_before)?;
    }
    let routine_after = routine(transaction)?;
    let mut missing_from_history = Vec::new();
    if mode == Mode::Check && routine_after == routine_before {
        missing_from_history.extend(applied.iter().map(Migration::version));
    } else {
        changes.extend(record(found, &applied));
    }
    for (signature, digest) in &routine_after {
        match routine_before.get(signature) {
            None => changes.push(Change::new("created", "routine", signature)),
            Some(before) if before != digest => changes.push(Change {
                attribute: Some("definition".into()),
                before: Some(before.clone()),
                after: Some(digest.clone()),
                ..Change::new("changed", "routine", signature)
            }),
            Some(_) => {}
        }
    }
    for signature in routine_before
        .keys()
        .filter(|&signature| !routine_after.contains_key(signature))
    {
        changes.push(Change::new("removed", "routine", signature));
    }
    changes.extend(correct_web(transaction, options)?);
    Ok(InstallReport {
        version,
        changes,
        missing_from_history,
    })
}

/// What was written into the history.
fn record(found: bool, applied: &[Migration]) -> Vec<Change> {
    let table = (!found).then(|| Change::new("created", "table", "correct_web_history"));
    let release =
        |migration: &Migration| Change::new("created", "release", migration.version().to_string());
    table
        .into_iter()
        .chain(applied.iter().map(release))
        .collect()
}

/// The newest release, and its version.
fn newest(runner: &Runner) -> Result<(i32, &str), Error> {
    runner
        .get_migrations()
        .iter()
        .max()
        .and_then(|migration| Some((migration.version(), migration.sql()?)))
        .ok_or_else(|| Error::install("this build holds no released SQL"))
}

/// `correct_web` as it is in the database: a digest of each signature's whole definition, owner and privileges included.
fn routine(transaction: &mut Transaction<'_>) -> Result<BTreeMap<String, String>, Error> {
    let rows = transaction
        .query(
            "select p.oid::regprocedure::text, md5(p::text || coalesce(obj_description(p.oid, 'pg_proc'), ''))
            from pg_proc as p
            where p.pronamespace = to_regnamespace('public')
                and p.proname = 'correct_web'",
            &[],
        )
        .map_err(Error::call)?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, _>>()
        .map_err(Error::column)
}

/// Mends the routine where somebody has changed or dropped it since its release. Where it is as released, not even a
/// row of the catalog is written.
fn refresh_routine(
    transaction: &mut Transaction<'_>,
    newest_sql: &str,
    before: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let mut attempt = transaction.transaction().map_err(Error::call)?;
    attempt.batch_execute(newest_sql).map_err(released_sql)?;
    if routine(&mut attempt)? == *before {
        attempt.rollback().map_err(Error::call)
    } else {
        attempt.commit().map_err(Error::call)
    }
}

/// An error of the released SQL. Its guard answers 55000 to a database with a newer release, which psql may have installed
/// without a history.
fn released_sql(error: postgres::Error) -> Error {
    if error.code() == Some(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE) {
        Error::newer_database(Error::call(error).to_string())
    } else {
        Error::call(error)
    }
}

fn correct_web(
    transaction: &mut Transaction<'_>,
    options: &InstallOptions,
) -> Result<Vec<Change>, Error> {
    let rows = transaction
        .query(
            "select c.action, c.kind, c.object, c.attribute, c.before, c.after from public.correct_web($1, $2) as c",
            &[&options.schema, &options.role],
        )
        .map_err(Error::call)?;
    rows.iter()
        .map(|row| {
            Ok(Change {
                action: row.try_get(0)?,
                kind: row.try_get(1)?,
                object: row.try_get(2)?,
                attribute: row.try_get(3)?,
                before: row.try_get(4)?,
                after: row.try_get(5)?,
            })
        })
        .collect::<Result<_, _>>()
        .map_err(Error::column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        assert_eq!(literal("web"), "'web'");
        assert_eq!(literal("it's; drop"), "'it''s; drop'");
        assert_eq!(literal(r"a\'b"), r"E'a\\''b'");
    }

    #[test]
    fn names_are_validated() {
        let named = |schema: &str, role: &str| {
            InstallOptions::default()
                .schema(schema)
                .role(role)
                .validate()
        };
        assert!(named("we\"\"b; drop", &"r".repeat(57)).is_ok());
        assert!(named(&"s".repeat(63), "sélect").is_ok());
        for (schema, role) in [
            ("", "r"),
            ("s", ""),
            ("a\nb", "r"),
            ("s", "a\u{7f}"),
            (&*"s".repeat(64), "r"),
            ("s", &*"r".repeat(58)),
        ] {
            assert!(named(schema, role).unwrap_err().is_invalid_argument());
        }
    }

    #[test]
    fn the_script_quotes_names() {
        let options = InstallOptions::default().schema("o'b").role("--x");
        let script = script(&options).unwrap();
        assert!(script.contains("from public.correct_web('o''b', '--x');"));
        assert!(script.ends_with("commit;\n"));
    }
}
