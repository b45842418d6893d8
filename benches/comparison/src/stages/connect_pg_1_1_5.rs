//! Loads of connect-pg beside those of connect-pg 1.1.5, which reads the whole table for each.

use anyhow::Result;

use super::bench::Bench;
use super::comparison::{Comparison, compare};
use crate::measure::number::grouped;
use crate::plan::CONNECT_PG_1_1_5_SESSIONS as SESSIONS;
use crate::stores::connect_pg::data::{self, Age};
use crate::stores::connect_pg::pool::ConnectPg;
use crate::stores::connect_pg_1_1_5::{self, ConnectPg115};
use crate::stores::kind::StoreKind;
use crate::stores::table_store::TableStore;
use crate::stores::threads::Threads;

/// Compares the two; returns `None` if connect-pg 1.1.5 is not available or not wanted.
pub fn measure(bench: &Bench<'_>, bytes: usize) -> Result<Option<Comparison>> {
    let (plan, server) = (bench.plan, &bench.server);
    let Some(npm) = &bench.npm else {
        return Ok(None);
    };
    if !bench.has_connect_pg_1_1_5 || !plan.includes(StoreKind::ConnectPg115) {
        return Ok(None);
    }
    bench.progress(&format!(
        "load from connect-pg 1.1.5, {} sessions",
        grouped(SESSIONS)
    ));
    let old = connect_pg_1_1_5::fill(server, "connect_pg_1_1_5", npm, SESSIONS, bytes)?;
    let new = data::fill(server, "connect_pg_beside", SESSIONS, bytes, Age::Live)?;
    let new_store = Threads::new(TableStore::<ConnectPg>::new(server, new.clone()));
    let old_store = Threads::new(TableStore::<ConnectPg115>::new(server, old.clone()));
    let job = plan.load_job(SESSIONS, bytes);
    let comparison = compare(server, &[&new_store, &old_store], &job, plan.rounds.min(3))?;
    server.drop_database(&old.database)?;
    server.drop_database(&new.database)?;
    Ok(Some(comparison))
}
