//! The transaction of an install, a dry run or a check.

use postgres::{Client, IsolationLevel, Transaction};
use refinery_core::Migration;

use super::comparison;
use super::history::{HistoryUse, check_history, lock_history};
use super::indexes::{self, PostponedIndex};
use super::locks::{LOCK_KEY, LOCK_TIMEOUT, lock_installs, repeat};
use super::options::InstallOptions;
use super::refinery::run_releases;
use super::report::{InstallReport, history_changes, routine_changes};
use super::transaction::{read_only_transaction, set_parameters};
use super::{releases, routine};
use crate::connection::final_error;
use crate::error::Error;
use crate::runtime::async_context;

/// Creates, repairs or upgrades a store. A second call changes nothing and reports nothing; sessions survive every call.
///
/// # Errors
///
/// - The database is newer than this library ([`Error::is_newer_database`]).
/// - The role lacks a privilege (SQLSTATE 42501): connect as a superuser, or as a role with `CREATEROLE` that owns the database.
/// - An object in the way belongs to a role that is not trusted.
/// - The database refuses a name, or the server fails.
///
/// The database is then unchanged, unless the connection broke during the commit ([`Error::is_outcome_unknown`]), or all is done but
/// an index ([`Error::is_index_not_built`]). It is always safe to repeat the call.
pub fn install(client: &mut Client, options: &InstallOptions) -> Result<InstallReport, Error> {
    async_context::run_blocking(|| {
        check_primary(client)?;
        lock_installs(client, options)?;
        let result = repeat(client, options, |client| {
            run_transaction(client, options, Mode::Install)
        })
        .and_then(|(mut report, postponed)| {
            report
                .changes
                .extend(indexes::build(client, options, postponed)?);
            Ok(report)
        });
        // A connection that stays open must not keep the lock. A closed one has lost it.
        if !client.is_closed() {
            let unlocked = client.execute("select pg_catalog.pg_advisory_unlock($1)", &[&LOCK_KEY]);
            if result.is_ok() {
                unlocked.map_err(Error::call)?;
            }
        }
        result
    })
}

/// Returns what [`install`] would change now.
///
/// If there is a store, it compares the catalog as [`check`] does. Otherwise it runs the install in a transaction and rolls that
/// back. For a store of connect-pg 1.1.5 it does that only with [`InstallOptions::rehearse_upgrade`].
///
/// # Errors
///
/// As for [`install`]; and the store is one of connect-pg 1.1.5.
pub fn dry_run(client: &mut Client, options: &InstallOptions) -> Result<InstallReport, Error> {
    async_context::run_blocking(|| compare_or_roll_back(client, options, Mode::DryRun))
}

/// Returns how an existing store differs from what [`install`] would make of it.
///
/// It compares the catalog in a read-only transaction, and takes no lock that a request could wait for. It fails with SQLSTATE
/// 55P03 if another session keeps the tables locked against readers for more than 5 seconds.
///
/// # Errors
///
/// As for [`install`]; and there is no store under these names ([`Error::is_not_installed`]).
pub fn check(client: &mut Client, options: &InstallOptions) -> Result<InstallReport, Error> {
    async_context::run_blocking(|| compare_or_roll_back(client, options, Mode::Check))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Install,
    DryRun,
    Check,
}

fn compare_or_roll_back(
    client: &mut Client,
    options: &InstallOptions,
    mode: Mode,
) -> Result<InstallReport, Error> {
    check_primary(client)?;
    if let Some(report) = compare(client, options, mode)? {
        return Ok(report);
    }
    let (mut report, postponed) = repeat(client, options, |client| {
        run_transaction(client, options, mode)
    })?;
    report
        .changes
        .extend(postponed.into_iter().map(PostponedIndex::into_change));
    Ok(report)
}

/// Compares an existing store with the release. Returns `None` if there is none, or if the changes cannot be foretold.
fn compare(
    client: &mut Client,
    options: &InstallOptions,
    mode: Mode,
) -> Result<Option<InstallReport>, Error> {
    let mut transaction = read_only_transaction(client, options)?;
    if mode == Mode::Check {
        check_installed(&mut transaction, options)?;
    } else if !has_schema(&mut transaction, options)? {
        return Ok(None);
    }
    let history_use = if mode == Mode::Check {
        HistoryUse::Check
    } else {
        HistoryUse::Foretell
    };
    let runner = releases::runner();
    let (version, newest_sql) = releases::newest(&runner)?;
    let has_history = lock_history(&mut transaction, history_use)?;
    let recorded = if has_history {
        check_history(&mut transaction, runner.get_migrations())?
    } else {
        Vec::new()
    };
    let mut missing: Vec<i32> = runner
        .get_migrations()
        .iter()
        .map(Migration::version)
        .filter(|version| !recorded.contains(version))
        .collect();
    missing.sort_unstable();
    let routine = routine::compare(&mut transaction, version, newest_sql, history_use)?;
    let Some(store_changes) = comparison::foretell(&mut transaction, options, newest_sql)? else {
        if mode == Mode::DryRun && !options.rehearses_upgrade() {
            return Err(Error::install(
                "the changes of an upgrade of connect-pg 1.1.5 are known only once it has run. A rehearsal runs it and rolls it \
                 back, and requests wait meanwhile. Use a copy of the database, or add --rehearse-upgrade",
            ));
        }
        return Ok(None);
    };
    let mut report = InstallReport {
        version,
        changes: Vec::new(),
        missing_from_history: Vec::new(),
    };
    if mode == Mode::Check && routine.actual == routine.expected {
        report.missing_from_history = missing;
    } else {
        report.changes = history_changes(!has_history, &missing);
    }
    report
        .changes
        .extend(routine_changes(&routine.actual, &routine.expected));
    report.changes.extend(store_changes);
    Ok(Some(report))
}

/// Runs an install, except for the indexes that it returns. It is rolled back unless it is to stay.
fn run_transaction(
    client: &mut Client,
    options: &InstallOptions,
    mode: Mode,
) -> Result<(InstallReport, Vec<PostponedIndex>), Error> {
    let mut transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted)
        .read_only(false)
        .start()
        .map_err(Error::call)?;
    set_parameters(&mut transaction, options, LOCK_TIMEOUT)?;
    if mode != Mode::Install {
        transaction
            .execute("select pg_advisory_xact_lock($1)", &[&LOCK_KEY])
            .map_err(Error::call)?;
    }
    let result = apply(&mut transaction, options, mode)?;
    if mode == Mode::Install {
        transaction
            .commit()
            .map_err(|error| final_error(error, true))?;
    } else {
        transaction.rollback().map_err(Error::call)?;
    }
    Ok(result)
}

/// Checks that the server is no standby. A standby refuses each kind of statement with another SQLSTATE.
pub(super) fn check_primary(client: &mut Client) -> Result<(), Error> {
    let is_standby: bool = client
        .query_one("select pg_catalog.pg_is_in_recovery()", &[])
        .and_then(|row| row.try_get(0))
        .map_err(Error::call)?;
    if is_standby {
        return Err(Error::standby());
    }
    Ok(())
}

/// Checks that there is a store: the routine and the schema, or a schema of the owner role, which is a store without its routine.
/// Without this, the report would list every object as missing.
fn check_installed(
    transaction: &mut Transaction<'_>,
    options: &InstallOptions,
) -> Result<(), Error> {
    let row = transaction
        .query_one(
            "select exists (
                select from pg_namespace as n
                where n.nspname = $1::text
                    and (
                        to_regprocedure('public.correct_web(text, text)') is not null
                        or pg_get_userbyid(n.nspowner) = $2::text || '_owner'
                    )
            )",
            &[&options.schema_name(), &options.role_name()],
        )
        .map_err(Error::call)?;
    if row.try_get(0).map_err(Error::column)? {
        Ok(())
    } else {
        Err(Error::not_installed())
    }
}

/// Returns true if the store's schema exists.
fn has_schema(transaction: &mut Transaction<'_>, options: &InstallOptions) -> Result<bool, Error> {
    transaction
        .query_one(
            "select exists (select from pg_namespace as n where n.nspname = $1::text)",
            &[&options.schema_name()],
        )
        .map_err(Error::call)?
        .try_get(0)
        .map_err(Error::column)
}

/// Brings the routine up to date, and calls it to bring the store up to date.
fn apply(
    transaction: &mut Transaction<'_>,
    options: &InstallOptions,
    mode: Mode,
) -> Result<(InstallReport, Vec<PostponedIndex>), Error> {
    let runner = releases::runner();
    let (version, newest_sql) = releases::newest(&runner)?;
    let newest_sql = newest_sql.to_owned();
    let has_history = lock_history(transaction, HistoryUse::Write)?;
    if has_history {
        check_history(transaction, runner.get_migrations())?;
    }
    let released = routine::compare(transaction, version, &newest_sql, HistoryUse::Write)?;
    let before = routine::digests(transaction)?;
    let recorded: Vec<i32> = run_releases(runner, transaction, has_history)?
        .iter()
        .map(Migration::version)
        .collect();
    // With nothing to restore, nothing is written.
    if recorded.is_empty() && released.actual != released.expected {
        routine::restore(transaction, &newest_sql, &before)?;
    }
    let after = routine::digests(transaction)?;

    let mut report = InstallReport {
        version,
        changes: Vec::new(),
        missing_from_history: Vec::new(),
    };
    if mode == Mode::Check && after == before {
        report.missing_from_history = recorded;
    } else {
        report.changes = history_changes(!has_history, &recorded);
    }
    report.changes.extend(routine_changes(&before, &after));
    let (changes, postponed) = routine::call(transaction, options)?;
    report.changes.extend(changes);
    Ok((report, postponed))
}
