//! connect-pg through the pool that all clients share.

use anyhow::Result;
use connect_pg::{Session, Store};

use super::client::{self, impl_store_client};
use super::data;
use crate::measure::job::Job;
use crate::measure::payload::Payload;
use crate::measure::workload::Workload;
use crate::server::postgres::{RUNTIME_ROLE, Relation, Server};
use crate::stores::store::{StoreClient, ThreadedStore};

/// connect-pg through its pool.
pub struct ConnectPg<'a> {
    server: &'a Server,
    relation: Relation,
}

impl<'a> ConnectPg<'a> {
    pub const NAME: &'static str = "connect-pg";

    pub fn new(server: &'a Server, relation: Relation) -> ConnectPg<'a> {
        ConnectPg { server, relation }
    }
}

impl ThreadedStore for ConnectPg<'_> {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn supports(&self, _: Workload) -> bool {
        true
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
            .pool_size(clients)
            .connect()?;
        let client = || ConnectPgClient {
            store: store.clone(),
            kept: Vec::new(),
        };
        Ok((0..clients)
            .map(|_| Box::new(client()) as Box<dyn StoreClient>)
            .collect())
    }
}

struct ConnectPgClient {
    store: Store,
    kept: Vec<Session<Payload>>,
}

impl_store_client!(ConnectPgClient, self, self.store);
