//! The routine `public.correct_web`.

use std::collections::BTreeMap;

use postgres::Transaction;

use super::options::InstallOptions;
use super::releases;
use super::report::Change;
use crate::error::Error;

/// Returns a digest by signature. A digest covers the definition, the owner, the privileges and the comment.
pub(super) fn digests(
    transaction: &mut Transaction<'_>,
) -> Result<BTreeMap<String, String>, Error> {
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

/// Creates the routine anew if it differs from the release. Otherwise no row of the catalog is written.
pub(super) fn restore(
    transaction: &mut Transaction<'_>,
    released_sql: &str,
    before: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let mut savepoint = transaction.transaction().map_err(Error::call)?;
    savepoint
        .batch_execute(released_sql)
        .map_err(releases::execution_error)?;
    if digests(&mut savepoint)? == *before {
        savepoint.rollback().map_err(Error::call)
    } else {
        savepoint.commit().map_err(Error::call)
    }
}

/// Calls the routine, which creates, repairs or upgrades the store. Returns its report.
pub(super) fn call(
    transaction: &mut Transaction<'_>,
    options: &InstallOptions,
) -> Result<Vec<Change>, Error> {
    transaction
        .query(
            "select c.action, c.kind, c.object, c.attribute, c.before, c.after from public.correct_web($1, $2) as c",
            &[&options.schema_name(), &options.role_name()],
        )
        .map_err(Error::call)?
        .iter()
        .map(Change::from_row)
        .collect()
}
