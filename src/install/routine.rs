//! The routine `public.correct_web`.

use std::collections::BTreeMap;

use postgres::Transaction;

use super::comparison;
use super::history::HistoryUse;
use super::indexes::PostponedIndex;
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

/// The settings of the routine, and of the one without parameters, as the catalog has them.
const SETTINGS: &str = r#"{"search_path=pg_catalog, pg_temp",quote_all_identifiers=off,standard_conforming_strings=on,lock_timeout=200ms}"#;
const SHORT_SETTINGS: &str = r#"{"search_path=pg_catalog, pg_temp"}"#;

/// Returns the digests of a routine that is as released. What [`digests`] covers beside these differs between databases.
///
/// # Errors
///
/// The routine belongs to a role that is not trusted, or is newer than the release. A check only compares its text, so it
/// trusts the owner of the database too.
pub(super) fn compare(
    transaction: &mut Transaction<'_>,
    version: i32,
    released_sql: &str,
    history_use: HistoryUse,
) -> Result<RoutineComparison, Error> {
    let rows = transaction
        .query(
            "select
                p.oid::regprocedure::text,
                pg_get_userbyid(p.proowner)::text,
                r.rolsuper
                    or r.rolname = current_user
                    or $1 and r.oid = (select d.datdba from pg_database as d where d.datname = current_database()),
                coalesce(substring(obj_description(p.oid, 'pg_proc') from 'Release (\\d+)')::integer, 0),
                md5(concat_ws(
                    E'\\n',
                    p.prosrc, l.lanname, p.prokind, p.provolatile, p.proparallel, p.prosecdef, p.proisstrict, p.proleakproof,
                    p.procost, p.prorows, p.prosupport, p.proconfig,
                    pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
                    obj_description(p.oid, 'pg_proc'),
                    exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as x where x.grantee = 0)
                ))
            from pg_proc as p
            join pg_language as l on l.oid = p.prolang
            join pg_roles as r on r.oid = p.proowner
            where p.pronamespace = to_regnamespace('public')
                and p.proname = 'correct_web'",
            &[&(history_use == HistoryUse::Check)],
        )
        .map_err(Error::call)?;
    let mut actual = BTreeMap::new();
    for row in rows {
        let signature: String = row.try_get(0).map_err(Error::column)?;
        let owner: String = row.try_get(1).map_err(Error::column)?;
        if !row.try_get::<_, bool>(2).map_err(Error::column)? {
            return Err(Error::install(format!(
                "function {signature} belongs to {owner}, which could change what it does; find out where it comes from, \
                 then drop it or connect as its owner"
            )));
        }
        let release: i32 = row.try_get(3).map_err(Error::column)?;
        if release > version {
            return Err(Error::newer_database(format!(
                "this database has release {release} of correct_web(), this program has release {version}"
            )));
        }
        actual.insert(signature, row.try_get(4).map_err(Error::column)?);
    }
    let expected = transaction
        .query(
            "select e.signature, md5(concat_ws(
                E'\\n',
                e.body, e.language, 'f', 'v', 'u', false, false, false,
                100, 1000, '-', e.settings,
                e.arguments, 'TABLE(action text, kind text, object text, attribute text, before text, after text)',
                e.comment,
                false
            ))
            from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
                as e (signature, body, language, settings, arguments, comment)",
            &[
                &["public.correct_web(text,text)", "public.correct_web()"].as_slice(),
                &[
                    format!("\n{}", comparison::routine_body(released_sql)?),
                    format!("\n{}", comparison::short_routine_body(released_sql)?),
                ]
                .as_slice(),
                &["plpgsql", "sql"].as_slice(),
                &[SETTINGS, SHORT_SETTINGS].as_slice(),
                &["p_schema text, p_role text", ""].as_slice(),
                &[
                    comparison::comment_on(released_sql, "(pg_catalog.text, pg_catalog.text)")?,
                    comparison::comment_on(released_sql, "()")?,
                ]
                .as_slice(),
            ],
        )
        .map_err(Error::call)?
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, _>>()
        .map_err(Error::column)?;
    Ok(RoutineComparison { actual, expected })
}

/// Digests of the routine by signature: as the database has it, and as released.
pub(super) struct RoutineComparison {
    pub(super) actual: BTreeMap<String, String>,
    pub(super) expected: BTreeMap<String, String>,
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

/// Calls the routine, which creates, repairs or upgrades the store. Returns its report, and the indexes that it has left to the caller.
pub(super) fn call(
    transaction: &mut Transaction<'_>,
    options: &InstallOptions,
) -> Result<(Vec<Change>, Vec<PostponedIndex>), Error> {
    let rows = transaction
        .query(
            "select c.action, c.kind, c.object, c.attribute, c.before, c.after from public.correct_web($1, $2) as c",
            &[&options.schema_name(), &options.role_name()],
        )
        .map_err(Error::call)?;
    let (mut changes, mut postponed) = (Vec::new(), Vec::new());
    for row in &rows {
        let change = Change::from_row(row)?;
        if change.action == "postponed" {
            postponed.push(PostponedIndex::from_change(change)?);
        } else {
            changes.push(change);
        }
    }
    Ok((changes, postponed))
}
