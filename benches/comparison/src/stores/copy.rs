//! Filling a table by COPY, and the expiry that the other stores' sessions get.

use std::ops::Range;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Result, anyhow};
use postgres::Client;
use postgres::binary_copy::BinaryCopyInWriter;
use postgres::types::{ToSql, Type};

use crate::measure::ids::mix;
use crate::server::postgres::{Relation, Server};

/// How long a session of the other stores lives: as long as connect-pg's by default.
pub const IDLE_TIMEOUT_SECONDS: u32 = 86_400;

/// Returns the expiry of a session that is used now.
pub fn expiry() -> SystemTime {
    SystemTime::now() + Duration::from_secs(u64::from(IDLE_TIMEOUT_SECONDS))
}

/// Returns in how many seconds session number `index` of a filled store expires: 4 to 24 hours.
pub fn expires_in_seconds(index: u32) -> u32 {
    4 * 3600 + mix(index) % 72_000
}

/// The values of a row.
pub type Row = Vec<Box<dyn ToSql + Sync>>;

/// Fills a table of another store. `row` returns the columns of session number `index` of that expiry.
pub fn fill_table<F>(
    server: &Server,
    relation: Relation,
    columns: &str,
    types: &[Type],
    sessions: u32,
    row: F,
) -> Result<Relation>
where
    F: Fn(u32, SystemTime) -> Result<Row> + Sync,
{
    let copy = format!(
        "copy {} ({columns}) from stdin (format binary)",
        relation.table
    );
    let now = SystemTime::now();
    fill(
        server,
        &relation.database,
        &copy,
        types,
        0..sessions,
        |index| {
            row(
                index,
                now + Duration::from_secs(u64::from(expires_in_seconds(index))),
            )
        },
    )?;
    server.settle(&relation)?;
    Ok(relation)
}

/// Fills a table by COPY, in two streams, each with half of the sessions.
pub fn fill<F>(
    server: &Server,
    database: &str,
    copy: &str,
    types: &[Type],
    sessions: Range<u32>,
    row: F,
) -> Result<()>
where
    F: Fn(u32) -> Result<Row> + Sync,
{
    let stream = |from: u32, to: u32| -> Result<()> {
        let mut client: Client = server.superuser(database)?;
        let mut writer = BinaryCopyInWriter::new(client.copy_in(copy)?, types);
        for index in from..to {
            let values = row(index)?;
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(AsRef::as_ref).collect();
            writer.write(&values)?;
        }
        writer.finish()?;
        Ok(())
    };
    let Range { start, end } = sessions;
    let half = start + (end - start) / 2;
    let stream = &stream;
    thread::scope(|scope| {
        let first = scope.spawn(move || stream(start, half));
        stream(half, end)?;
        first
            .join()
            .map_err(|_| anyhow!("a thread that fills the table panicked"))?
    })
}
