//! TCP keepalives, which detect a broken connection.

use std::time::Duration;

use super::sources::{Sources, number};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keepalives {
    pub(super) idle: Duration,
    pub(super) interval: Duration,
    pub(super) count: u32,
}

/// Reads `keepalives` and `keepalives_*`. Returns None if they are off.
pub(super) fn read_keepalives(sources: &Sources<'_>) -> Result<Option<Keepalives>, String> {
    if sources.limit("keepalives", 1)?.is_none() {
        return Ok(None);
    }
    let count = match sources.get("keepalives_count") {
        None => 6,
        Some(count) => number("keepalives_count", count)?,
    };
    Ok(Some(Keepalives {
        idle: Duration::from_secs(sources.limit("keepalives_idle", 60)?.unwrap_or(60)),
        interval: Duration::from_secs(sources.limit("keepalives_interval", 10)?.unwrap_or(10)),
        count,
    }))
}
