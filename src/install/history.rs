//! The history of releases in the database.

use postgres::Transaction;
use refinery_core::Migration;

use crate::error::Error;

/// refinery's table of the releases that were installed.
pub(super) const HISTORY: &str = "public.correct_web_history";

/// What the transaction is to do with the history.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum HistoryUse {
    /// To read it for a check.
    Check,
    /// To read it for a dry run, which fails where the install fails.
    Foretell,
    Write,
}

/// Locks the history and checks that it can be trusted. Returns false if there is none.
///
/// Another owner could put a trigger on the table, which would run with the rights of the install. The lock keeps the table
/// from being replaced after the check. For a check, the owner of the database is trusted as well: nothing of that role runs
/// with the rights of the check.
pub(super) fn lock_history(
    transaction: &mut Transaction<'_>,
    history_use: HistoryUse,
) -> Result<bool, Error> {
    let row = transaction
        .query_one(
            "select to_regnamespace('public') is not null, to_regclass($1) is not null",
            &[&HISTORY],
        )
        .map_err(Error::call)?;
    let (public, history): (bool, bool) = (
        row.try_get(0).map_err(Error::column)?,
        row.try_get(1).map_err(Error::column)?,
    );
    if !public {
        return Err(Error::install(
            "this database has no schema public, which must hold correct_web(); run: create schema public",
        ));
    }
    if !history {
        return Ok(false);
    }
    let mode = match history_use {
        HistoryUse::Check | HistoryUse::Foretell => "access share",
        HistoryUse::Write => "share row exclusive",
    };
    transaction
        .batch_execute(&format!("lock table only {HISTORY} in {mode} mode"))
        .map_err(Error::call)?;
    let row = transaction
        .query_one(
            "select r.rolname::text,
                r.rolsuper
                    or r.rolname = current_user
                    or $2 and r.oid = (select d.datdba from pg_database as d where d.datname = current_database()),
                c.relkind = 'r'
                    and not c.relhastriggers
                    and not c.relhasrules
                    and not c.relrowsecurity
                    and not exists (select from pg_inherits as i where i.inhrelid = c.oid)
                    -- No cast or expression of the table's owner runs when the table is read.
                    and not exists (
                        select
                        from pg_attribute as a
                        where a.attrelid = c.oid
                            and a.attnum > 0
                            and not a.attisdropped
                            and (a.atttypid not in ('int4'::regtype, 'varchar'::regtype) or a.attgenerated <> '')
                    )
            from pg_class as c
            join pg_roles as r on r.oid = c.relowner
            where c.oid = to_regclass($1)",
            &[&HISTORY, &(history_use == HistoryUse::Check)],
        )
        .map_err(Error::call)?;
    let owner: String = row.try_get(0).map_err(Error::column)?;
    if !row.try_get::<_, bool>(1).map_err(Error::column)? {
        return Err(Error::install(format!(
            "the table {HISTORY} belongs to {owner}, which could change what an install does; connect as {owner} if you \
             trust that role, or drop the table and install again"
        )));
    }
    if !row.try_get::<_, bool>(2).map_err(Error::column)? {
        return Err(Error::install(format!(
            "{HISTORY} is not the plain table that connect-pg creates; remove its triggers, rules, policies and parent tables"
        )));
    }
    Ok(true)
}

/// Creates the history. It fails if another session has just created the table, so the table is never another owner's.
pub(super) fn create_history(transaction: &mut Transaction<'_>) -> Result<(), Error> {
    transaction
        .batch_execute(&format!(
            "create table {HISTORY} (
                version int4 primary key,
                name varchar(255),
                applied_on varchar(255),
                checksum varchar(255)
            );
            revoke all on table {HISTORY} from public;
            grant select on table {HISTORY} to pg_monitor;
            comment on table {HISTORY} is 'The releases of correct_web() that session-admin has installed here. API: private'"
        ))
        .map_err(Error::call)
}

/// Checks that the history holds no newer releases, and no other releases under the same numbers. Returns the releases that it
/// holds.
pub(super) fn check_history(
    transaction: &mut Transaction<'_>,
    embedded: &[Migration],
) -> Result<Vec<i32>, Error> {
    let newest = embedded
        .iter()
        .map(Migration::version)
        .max()
        .unwrap_or_default();
    let rows = transaction
        .query(
            &format!(
                "select version, name::text, checksum::text from {HISTORY} order by version desc"
            ),
            &[],
        )
        .map_err(Error::call)?;
    let mut recorded = Vec::new();
    for row in rows {
        let version: i32 = row.try_get(0).map_err(Error::column)?;
        recorded.push(version);
        if version > newest {
            return Err(Error::newer_database(format!(
                "the database has release {version}, this program has release {newest}"
            )));
        }
        let (name, checksum): (Option<String>, Option<String>) = (
            row.try_get(1).map_err(Error::column)?,
            row.try_get(2).map_err(Error::column)?,
        );
        let is_same = embedded.iter().any(|release| {
            release.version() == version
                && name.as_deref() == Some(release.name())
                && checksum == Some(release.checksum().to_string())
        });
        if !is_same {
            return Err(Error::install(format!(
                "release {version} in {HISTORY} differs from release {version} of this program, so one of them is no official \
                 release; use the program that installed this database"
            )));
        }
    }
    Ok(recorded)
}
