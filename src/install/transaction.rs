//! The transactions of an install.

use postgres::{Client, IsolationLevel, Transaction};

use super::options::InstallOptions;
use crate::error::Error;

/// How long a check waits for a lock before it fails with SQLSTATE 55P03.
const CHECK_LOCK_TIMEOUT: &str = "5s";

/// Begins a transaction that reads catalogs.
pub(super) fn read_only_transaction<'c>(
    client: &'c mut Client,
    options: &InstallOptions,
) -> Result<Transaction<'c>, Error> {
    let mut transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted)
        .read_only(true)
        .start()
        .map_err(Error::call)?;
    set_parameters(&mut transaction, options, CHECK_LOCK_TIMEOUT)?;
    Ok(transaction)
}

/// Sets what the released SQL relies on. The search path keeps objects of other schemas from shadowing PostgreSQL's.
pub(super) fn set_parameters(
    transaction: &mut Transaction<'_>,
    options: &InstallOptions,
    lock_timeout: &str,
) -> Result<(), Error> {
    transaction
        .batch_execute(&format!(
            "set local search_path = pg_catalog, pg_temp;
             set local standard_conforming_strings = on;
             set local quote_all_identifiers = off;
             set local check_function_bodies = on;
             set local connect_pg.postpone_indexes = on;
             set local connect_pg.durability = '{durability}';
             set local connect_pg.schedule = '{schedule}';
             set local lock_timeout = '{lock_timeout}'",
            schedule = options.schedule_setting(),
            durability = options.durability_setting(),
        ))
        .map_err(Error::call)?;
    if options.drops_additions() {
        transaction
            .batch_execute("set local connect_pg.drop_additions = on")
            .map_err(Error::call)?;
    }
    Ok(())
}
