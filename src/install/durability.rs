//! What a crash of the server loses.

use std::fmt;

/// What a crash of the server may lose. No session that was ended comes back after a crash, whatever the durability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Durability {
    /// Nothing. A change is acknowledged when it is on disk. The default of a new store.
    Full,
    /// The changes of the last moments, up to three times `wal_writer_delay`. The runtime role gets
    /// `synchronous_commit = off` in the database, which holds for all that it does there. Whatever ends a session waits for the disk.
    ///
    /// The setting belongs to the role, so no other store of the database may have the same role.
    Relaxed,
    /// All sessions. The session table is `unlogged`: a crash empties it, a standby server does not have it, and neither does
    /// a physical backup. The other tables are logged.
    Unlogged,
}

impl Durability {
    /// Returns the name: `full`, `relaxed` or `unlogged`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Relaxed => "relaxed",
            Self::Unlogged => "unlogged",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
