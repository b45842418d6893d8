//! What a crash of the server loses of a store as it is.

use postgres::Client;

use super::durability::Durability;
use super::options::InstallOptions;
use crate::error::Error;
use crate::runtime::async_context;

/// Returns the durability that a store has now, by the catalog: by the persistence of its session table, and by what its runtime role
/// has set in this database. Only the schema of the options matters.
///
/// [`check`](super::check) tells whether that is what an install has made.
///
/// # Errors
///
/// There is no session table ([`Error::is_not_installed`]).
pub fn durability(client: &mut Client, options: &InstallOptions) -> Result<Durability, Error> {
    let row = async_context::run_blocking(|| {
        client
            .query_opt(
                "select
                    c.relpersistence = 'u',
                    exists (
                        select
                        from pg_catalog.pg_db_role_setting as d
                        join pg_catalog.pg_roles as r on r.oid = d.setrole
                        where r.rolname || '_owner' = pg_catalog.pg_get_userbyid(n.nspowner)
                            and d.setdatabase = (select b.oid from pg_catalog.pg_database as b where b.datname = pg_catalog.current_database())
                            and 'synchronous_commit=off' = any (d.setconfig)
                    )
                from pg_catalog.pg_class as c
                join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
                where n.nspname = $1::pg_catalog.text
                    and c.relname = 'session'
                    and c.relkind = 'r'",
                &[&options.schema_name()],
            )
            .map_err(Error::call)
    })?
    .ok_or_else(Error::not_installed)?;
    let (is_unlogged, is_relaxed): (bool, bool) = (
        row.try_get(0).map_err(Error::column)?,
        row.try_get(1).map_err(Error::column)?,
    );
    Ok(match (is_unlogged, is_relaxed) {
        (true, _) => Durability::Unlogged,
        (false, true) => Durability::Relaxed,
        (false, false) => Durability::Full,
    })
}
