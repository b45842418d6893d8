//! connect-pg with a pool that may be smaller than the number of clients.

use anyhow::Result;
use connect_pg::Store;

use super::pool::ConnectPg;
use crate::measure::workload::Workload;
use crate::server::postgres::{RUNTIME_ROLE, Relation, Server};
use crate::stores::store::{StoreClient, ThreadedStore};

/// Connections of the pool, whatever the number of clients: the default of the synchronous store.
pub const POOL_SIZE: u32 = 4;

/// connect-pg on such a pool.
pub struct SharedPool<'a> {
    server: &'a Server,
    relation: Relation,
    group_calls: bool,
}

impl<'a> SharedPool<'a> {
    pub fn new(server: &'a Server, relation: Relation, group_calls: bool) -> SharedPool<'a> {
        SharedPool {
            server,
            relation,
            group_calls,
        }
    }
}

impl ThreadedStore for SharedPool<'_> {
    fn name(&self) -> &'static str {
        if self.group_calls {
            "connect-pg, threads"
        } else {
            "connect-pg, threads, not grouped"
        }
    }

    fn supports(&self, workload: Workload) -> bool {
        matches!(workload, Workload::Load | Workload::Save)
    }

    fn relation(&self) -> Option<Relation> {
        Some(self.relation.clone())
    }

    fn server_process(&self) -> u32 {
        self.server.process()
    }

    fn connect(&self, clients: u32) -> Result<Vec<Box<dyn StoreClient>>> {
        let store = Store::builder()
            .config(self.server.config(RUNTIME_ROLE, &self.relation.database))
            .pool_size(POOL_SIZE)
            .group_calls(self.group_calls)
            .connect()?;
        let client = || Box::new(ConnectPg::new(store.clone())) as Box<dyn StoreClient>;
        Ok((0..clients).map(|_| client()).collect())
    }
}
