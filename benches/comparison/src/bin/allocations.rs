//! Counts the allocations of one load: by the client, and by the bare `postgres` crate. It is a program of its own because
//! counting costs time. It reads the connection settings from `ALLOCATIONS_CONNECTION` and prints JSON.

#[path = "../measure/ids.rs"]
#[allow(dead_code)]
mod ids;
#[path = "../measure/payload.rs"]
#[allow(dead_code)]
mod payload;

use std::alloc::System;
use std::env;
use std::time::SystemTime;

use anyhow::{Context, Result};
use connect_pg::Store;
use connect_pg::tokio_postgres::Config;
use ids::id_of;
use payload::Payload;
use postgres::NoTls;
use sha2::{Digest, Sha256};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CALLS: u32 = 1000;

fn main() -> Result<()> {
    let config: Config = env::var("ALLOCATIONS_CONNECTION")?.parse()?;

    let mut client = postgres::Config::from(config.clone()).connect(NoTls)?;
    let statement =
        client.prepare("select (q.s).* from (select web.load_session_value($1, $2) as s) as q")?;
    let bare_postgres = allocations(|id| {
        let key = Sha256::digest(id.as_bytes());
        let row = client.query_one(&statement, &[&key.as_slice(), &true])?;
        let _: Payload = serde_json::from_str(row.try_get(0)?)?;
        let _: i64 = row.try_get(1)?;
        let _: SystemTime = row.try_get(2)?;
        let _: Option<String> = row.try_get(3)?;
        let _: SystemTime = row.try_get(4)?;
        Ok(())
    })?;

    let store = Store::builder().config(config).pool_size(1).connect()?;
    let connect_pg = allocations(|id| {
        store
            .load::<Payload>(&id.parse()?)?
            .context("no such session")?;
        Ok(())
    })?;

    let counts = serde_json::json!({ "connect_pg": connect_pg, "bare_postgres": bare_postgres });
    println!("{counts}");
    Ok(())
}

/// Counts the allocations and reallocations per call.
fn allocations(mut call: impl FnMut(&str) -> Result<()>) -> Result<f64> {
    let ids: Vec<String> = (0..CALLS).map(id_of).collect();
    for id in &ids {
        call(id)?; // connects, prepares, grows buffers
    }
    let region = Region::new(ALLOCATOR);
    for id in &ids {
        call(id)?;
    }
    let change = region.change();
    let count = u32::try_from(change.allocations + change.reallocations)?;
    Ok(f64::from(count) / f64::from(CALLS))
}
