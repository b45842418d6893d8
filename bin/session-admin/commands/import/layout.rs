//! Where other stores keep their sessions.

use super::args::SourceStore;

/// The table and columns of a store with its default options.
pub(super) struct Layout {
    pub(super) table: [&'static str; 2],
    pub(super) id: &'static str,
    pub(super) data: &'static str,
    pub(super) expiry: &'static str,
    /// The data is a `MessagePack` record of tower-sessions; else JSON.
    pub(super) is_record: bool,
}

impl Layout {
    pub(super) fn of(store: SourceStore) -> Self {
        let (table, [id, data, expiry]) = match store {
            SourceStore::KoaPgSession => (["public", "session"], ["id", "session", "expiry"]),
            SourceStore::KoaGenericSessionSequelize => {
                (["public", "Sessions"], ["id", "data", "expires"])
            }
            SourceStore::TowerSessionsSqlxStore => {
                (["tower_sessions", "session"], ["id", "data", "expiry_date"])
            }
            SourceStore::ConnectPgSimple | SourceStore::ExpressPgSession | SourceStore::Jsonl => {
                (["public", "session"], ["sid", "sess", "expire"])
            }
        };
        Self {
            table,
            id,
            data,
            expiry,
            is_record: store == SourceStore::TowerSessionsSqlxStore,
        }
    }
}
