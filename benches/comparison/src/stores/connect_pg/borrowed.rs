//! connect-pg on a connection that each client lends to it.

use anyhow::Result;
use connect_pg::{Session, Store};
use postgres::{Client, NoTls};

use super::client::{self, impl_store_client};
use super::data;
use crate::measure::job::Job;
use crate::measure::payload::Payload;
use crate::measure::workload::Workload;
use crate::server::postgres::{RUNTIME_ROLE, Relation, Server};
use crate::stores::store::{StoreClient, ThreadedStore};

/// connect-pg on borrowed connections.
pub struct ConnectPgBorrowed<'a> {
    server: &'a Server,
    relation: Relation,
}

impl<'a> ConnectPgBorrowed<'a> {
    pub const NAME: &'static str = "connect-pg, borrowed";

    pub fn new(server: &'a Server, relation: Relation) -> ConnectPgBorrowed<'a> {
        ConnectPgBorrowed { server, relation }
    }
}

impl ThreadedStore for ConnectPgBorrowed<'_> {
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
        let config = self.server.config(RUNTIME_ROLE, &self.relation.database);
        (0..clients)
            .map(|_| {
                let client = BorrowedClient {
                    client: postgres::Config::from(config.clone()).connect(NoTls)?,
                    kept: Vec::new(),
                };
                Ok(Box::new(client) as Box<dyn StoreClient>)
            })
            .collect()
    }
}

struct BorrowedClient {
    client: Client,
    kept: Vec<Session<Payload>>,
}

impl_store_client!(BorrowedClient, self, Store::on(&mut self.client));
