//! connect-pg with a pool that may be smaller than the number of clients.

use anyhow::Result;
use connect_pg::Store;

use super::data;
use super::pool::ConnectPg;
use crate::measure::job::Job;
use crate::measure::workload::Workload;
use crate::server::postgres::{RUNTIME_ROLE, Relation, Server};
use crate::stores::store::{StoreClient, ThreadedStore};

/// Connections of the pool, whatever the number of clients: the default of the synchronous store.
pub const POOL_SIZE: u32 = 4;

/// connect-pg on such a pool.
pub struct SharedPool<'a> {
    pub server: &'a Server,
    pub relation: Relation,
    pub pool_size: u32,
    pub group_calls: bool,
}

impl SharedPool<'_> {
    pub const NAME: &'static str = "connect-pg, threads";
    pub const NOT_GROUPED: &'static str = "connect-pg, threads, not grouped";
}

impl ThreadedStore for SharedPool<'_> {
    fn name(&self) -> &'static str {
        if self.group_calls {
            Self::NAME
        } else {
            Self::NOT_GROUPED
        }
    }

    fn supports(&self, workload: Workload) -> bool {
        matches!(
            workload,
            Workload::Load | Workload::Rolling | Workload::Save
        )
    }

    fn prepare(&self, job: &Job) -> Result<()> {
        data::make_due(self.server, &self.relation.database, job)
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
            .pool_size(self.pool_size)
            .group_calls(self.group_calls)
            .connect()?;
        let client = || Box::new(ConnectPg::new(store.clone())) as Box<dyn StoreClient>;
        Ok((0..clients).map(|_| client()).collect())
    }
}
