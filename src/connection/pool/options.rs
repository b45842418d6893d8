use std::time::{Duration, Instant};

use crate::connection::lazy_connection::LazyConnection;

/// How many connections a pool may hold, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolOptions {
    /// More than 0.
    pub(crate) size: u32,
    pub(crate) max_lifetime: Duration,
    pub(crate) idle_timeout: Option<Duration>,
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
