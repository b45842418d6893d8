use std::time::{Duration, Instant};

use crate::connection::lazy_connection::LazyConnection;

/// Which loads and saves travel in groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupMode {
    Never,
    /// Those that wait for a connection.
    Waiting,
    /// All of them, if need be in a group of one: for tests.
    All,
}

/// How many connections a pool may hold, for how long, and whether calls share them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolOptions {
    /// More than 0.
    pub(crate) size: u32,
    pub(crate) max_lifetime: Duration,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) group_mode: GroupMode,
}

impl PoolOptions {
    /// Returns true if another call may use the connection.
    pub(super) fn is_usable(&self, connection: &LazyConnection) -> bool {
        connection.is_usable() && !connection.is_older_than(self.max_lifetime)
    }

    /// Returns true if a connection that has been idle since then has expired.
    pub(super) fn is_expired(&self, connection: &LazyConnection, idle_since: Instant) -> bool {
        connection.is_older_than(self.max_lifetime)
            || self
                .idle_timeout
                .is_some_and(|timeout| idle_since.elapsed() >= timeout)
    }
}
