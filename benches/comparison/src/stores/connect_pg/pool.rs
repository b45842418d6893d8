//! connect-pg through the pool that all clients share.

use anyhow::Result;
use connect_pg::{Session, Store};

use super::client::{self, impl_store_client};
use super::data;
use crate::measure::job::Job;
use crate::measure::payload::Payload;
use crate::measure::workload::Workload;
use crate::server::postgres::{RUNTIME_ROLE, Relation, Server};
use crate::stores::store::StoreClient;
use crate::stores::table_store::TableClient;

/// A client of connect-pg's pool.
pub struct ConnectPg {
    store: Store,
    kept: Vec<Session<Payload>>,
}

impl ConnectPg {
    pub(super) fn new(store: Store) -> ConnectPg {
        ConnectPg {
            store,
            kept: Vec::new(),
        }
    }
}

impl TableClient for ConnectPg {
    const NAME: &'static str = "connect-pg";

    fn supports(_: Workload) -> bool {
        true
    }

    fn prepare(server: &Server, relation: &Relation, job: &Job) -> Result<()> {
        data::make_due(server, &relation.database, job)
    }

    fn connect(server: &Server, relation: &Relation, clients: u32) -> Result<Vec<ConnectPg>> {
        let store = Store::builder()
            .config(server.config(RUNTIME_ROLE, &relation.database))
            .pool_size(clients)
            .connect()?;
        Ok((0..clients)
            .map(|_| ConnectPg::new(store.clone()))
            .collect())
    }
}

impl_store_client!(ConnectPg, self, self.store);
