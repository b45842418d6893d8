use std::time::{Duration, SystemTime};

use crate::error::Error;
use crate::functions::call::Function;
use crate::functions::parameter::Parameters;
use crate::functions::reply::{Reply, column};

/// Returns the state of the whole store. For administrators.
pub(crate) struct ReadStoreStatus;

/// The state of a store: its rows, its size, and the server's statistics since their last reset.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoreStatus {
    /// Live sessions.
    pub live: i64,
    /// Sessions that have expired and are not pruned yet.
    pub expired: i64,
    /// Tombstones.
    pub ended: i64,
    /// The size of the table with its indexes, in bytes.
    pub total_bytes: i64,
    /// The size of the table without its indexes, in bytes.
    pub table_bytes: i64,
    /// The size of the indexes, in bytes.
    pub index_bytes: i64,
    /// Dead rows of the table, which VACUUM has not removed yet.
    pub dead_rows: i64,
    /// Updates of rows.
    pub updates: i64,
    /// Updates that wrote no index entry.
    pub hot_updates: i64,
    /// The time of the last prune.
    pub last_pruned_at: Option<SystemTime>,
    /// When the oldest row is due for pruning.
    pub oldest_prune_after: Option<SystemTime>,
    /// Since when pruning may delete the oldest expired session.
    pub oldest_expired_at: Option<SystemTime>,
    /// The time of the server.
    pub server_time: SystemTime,
}

impl StoreStatus {
    /// Returns for how long pruning could have deleted the oldest expired session, by the server's clock. Zero if there is none.
    #[must_use]
    pub fn oldest_expired_age(&self) -> Duration {
        self.oldest_expired_at
            .and_then(|expired_at| self.server_time.duration_since(expired_at).ok())
            .unwrap_or_default()
    }
}

impl<'a> Function<'a> for ReadStoreStatus {
    const STATEMENT: &'static str = "select live, expired, ended, total_bytes, table_bytes, index_bytes, dead_rows, \
        updates, hot_updates, last_pruned_at, oldest_prune_after, oldest_expired_at, server_time from {schema}.store_status()";
    const CHANGES: bool = false;
    const SCANS: bool = true;
    type Output = StoreStatus;

    fn parameters(&self) -> Parameters<'a> {
        [].into()
    }

    fn decode(reply: Reply) -> Result<StoreStatus, Error> {
        let row = reply.row()?;
        Ok(StoreStatus {
            live: column(&row, 0)?,
            expired: column(&row, 1)?,
            ended: column(&row, 2)?,
            total_bytes: column(&row, 3)?,
            table_bytes: column(&row, 4)?,
            index_bytes: column(&row, 5)?,
            dead_rows: column(&row, 6)?,
            updates: column(&row, 7)?,
            hot_updates: column(&row, 8)?,
            last_pruned_at: column(&row, 9)?,
            oldest_prune_after: column(&row, 10)?,
            oldest_expired_at: column(&row, 11)?,
            server_time: column(&row, 12)?,
        })
    }
}
