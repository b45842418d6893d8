//! A store in a table of PostgreSQL, whose clients are threads of this program.

use std::marker::PhantomData;

use anyhow::Result;

use super::store::{StoreClient, ThreadedStore};
use crate::measure::job::Job;
use crate::measure::workload::Workload;
use crate::server::postgres::{Relation, Server};

/// A client of a store in PostgreSQL, and what all clients of this store have in common.
pub trait TableClient: StoreClient + Sized + 'static {
    /// The name of the store in tables.
    const NAME: &'static str;

    /// Returns true if the store can do the workload.
    fn supports(workload: Workload) -> bool;

    /// Prepares a run. This is not measured.
    fn prepare(_server: &Server, _relation: &Relation, _job: &Job) -> Result<()> {
        Ok(())
    }

    /// Connects so many clients.
    fn connect(server: &Server, relation: &Relation, clients: u32) -> Result<Vec<Self>>;
}

/// The store of such clients.
pub struct TableStore<'a, C> {
    server: &'a Server,
    relation: Relation,
    clients: PhantomData<fn() -> C>,
}

impl<'a, C> TableStore<'a, C> {
    pub fn new(server: &'a Server, relation: Relation) -> TableStore<'a, C> {
        TableStore {
            server,
            relation,
            clients: PhantomData,
        }
    }
}

impl<C: TableClient> ThreadedStore for TableStore<'_, C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn supports(&self, workload: Workload) -> bool {
        C::supports(workload)
    }

    fn prepare(&self, job: &Job) -> Result<()> {
        C::prepare(self.server, &self.relation, job)
    }

    fn relation(&self) -> Option<Relation> {
        Some(self.relation.clone())
    }

    fn server_process(&self) -> u32 {
        self.server.process()
    }

    fn connect(&self, clients: u32) -> Result<Vec<Box<dyn StoreClient>>> {
        let clients = C::connect(self.server, &self.relation, clients)?;
        Ok(clients
            .into_iter()
            .map(|client| Box::new(client) as Box<dyn StoreClient>)
            .collect())
    }
}
