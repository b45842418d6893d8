//! Round trips of one load.

use anyhow::{Context, Result};
use connect_pg::Store;

use crate::measure::ids::id_of;
use crate::measure::payload::Payload;
use crate::measure::round_trips::CountingProxy;
use crate::server::postgres::{RUNTIME_ROLE, Relation, Server};

const CALLS: u32 = 200;

/// Counts the round trips of a load through the client's pool, with its check-out, on an open connection with a prepared
/// statement.
pub fn per_load(server: &Server, table: &Relation) -> Result<f64> {
    let proxy = CountingProxy::to_port(server.port())?;
    let store = Store::builder()
        .config(server.config_by_port(RUNTIME_ROLE, &table.database, proxy.port()))
        .pool_size(1)
        .connect()?;
    let load = |n| -> Result<()> {
        store
            .load::<Payload>(&id_of(n).parse()?)?
            .context("no such session")?;
        Ok(())
    };
    load(0)?;
    let before = proxy.round_trips();
    for n in 0..CALLS {
        load(n)?;
    }
    let round_trips = proxy.round_trips() - before;
    Ok(f64::from(u32::try_from(round_trips)?) / f64::from(CALLS))
}
