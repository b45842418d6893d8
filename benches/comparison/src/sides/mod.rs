//! The stores that are compared.

pub mod bare;
pub mod hand_written;
pub mod hand_written_users;
pub mod npm;
pub mod original;
pub mod ours;
pub mod redis;
pub mod simple;
pub mod tower;

use std::ops::Range;
use std::thread;

use anyhow::{Result, anyhow};
use postgres::Client;
use postgres::binary_copy::BinaryCopyInWriter;
use postgres::types::{ToSql, Type};

use crate::server::Server;

/// How long a session of the other sides lives, as by default with us.
pub const IDLE_SECONDS: u32 = 86_400;

/// Fills a table by COPY, in two streams, one for each half of the sessions.
pub fn fill<F>(
    server: &Server,
    database: &str,
    copy: &str,
    types: &[Type],
    sessions: Range<u32>,
    row: F,
) -> Result<()>
where
    F: Fn(u32) -> Result<Vec<Box<dyn ToSql + Sync>>> + Sync,
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
        first.join().map_err(|_| anyhow!("filling panicked"))?
    })
}
