//! The history of releases, which is not to be believed before it is known whose it is.

use postgres::Transaction;
use refinery_core::Migration;

use crate::error::Error;

/// refinery's table of what was released into a database.
pub(super) const HISTORY: &str = "public.correct_web_history";

/// Whether the history is there. One that somebody else owns could hold a trigger of his, which would run with our
/// rights; the lock keeps it from being exchanged after we have looked.
pub(super) fn lock_history(transaction: &mut Transaction<'_>) -> Result<bool, Error> {
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
            "this database has no schema public, where correct_web() lives; make it: create schema public",
        ));
    }
    if !history {
        return Ok(false);
    }
    transaction
        .batch_execute(&format!(
            "lock table only {HISTORY} in share row exclusive mode"
        ))
        .map_err(Error::call)?;
    let row = transaction
        .query_one(
            "select r.rolname::text,
                r.rolsuper or r.rolname = current_user,
                c.relkind = 'r'
                    and not c.relhastriggers
                    and not c.relhasrules
                    and not c.relrowsecurity
                    and not exists (select from pg_inherits as i where i.inhrelid = c.oid)
            from pg_class as c
            join pg_roles as r on r.oid = c.relowner
            where c.oid = to_regclass($1)",
            &[&HISTORY],
        )
        .map_err(Error::call)?;
    let owner: String = row.try_get(0).map_err(Error::column)?;
    if !row.try_get::<_, bool>(1).map_err(Error::column)? {
        return Err(Error::install(format!(
            "the table {HISTORY} belongs to {owner}, who could make an install do what he likes; connect as its owner, or \
             find out who made it, drop it, and install again"
        )));
    }
    if !row.try_get::<_, bool>(2).map_err(Error::column)? {
        return Err(Error::install(format!(
            "{HISTORY} is not the plain table that connect-pg made (a trigger, a rule or the like is on it); \
             find out why, and remove that"
        )));
    }
    Ok(true)
}

/// Refuses to build on releases that are not ours: newer ones, or others under the same number.
pub(super) fn check_history(
    transaction: &mut Transaction<'_>,
    embedded: &[Migration],
) -> Result<(), Error> {
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
    for row in rows {
        let version: i32 = row.try_get(0).map_err(Error::column)?;
        if version > newest {
            return Err(Error::newer_database(format!(
                "it has release {version}, this program's newest is {newest}"
            )));
        }
        let (name, checksum): (Option<String>, Option<String>) = (
            row.try_get(1).map_err(Error::column)?,
            row.try_get(2).map_err(Error::column)?,
        );
        let same = embedded.iter().any(|migration| {
            migration.version() == version
                && name.as_deref() == Some(migration.name())
                && checksum == Some(migration.checksum().to_string())
        });
        if !same {
            return Err(Error::install(format!(
                "release {version} in {HISTORY} is not this program's release {version}: one of the two was never released; \
                 use the program that installed this database"
            )));
        }
    }
    Ok(())
}
