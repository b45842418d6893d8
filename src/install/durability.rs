//! What a crash of the server loses.

use std::fmt;

use postgres::Client;

use super::options::InstallOptions;
use crate::error::Error;
use crate::runtime::async_context;

/// What a crash of the server may lose. No session that was ended comes back after a crash, whatever the durability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Durability {
    /// Nothing. A change is acknowledged when it is on disk. The default of a new store.
    Full,
    /// The changes of the last moments, up to three times `wal_writer_delay`. The runtime role gets
    /// `synchronous_commit = off` in the database, which holds for all that it does there. Whatever ends a session waits for the disk.
    ///
    /// The setting belongs to the role, so no other store of the database may have the same role.
    Relaxed,
    /// All sessions. The session table is `unlogged`: a crash empties it, a standby server does not have it, and neither does
    /// a physical backup. The other tables are logged.
    Unlogged,
}

impl Durability {
    /// Returns the name: `full`, `relaxed` or `unlogged`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Relaxed => "relaxed",
            Self::Unlogged => "unlogged",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

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
