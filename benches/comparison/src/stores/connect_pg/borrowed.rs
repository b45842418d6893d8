//! connect-pg on a connection that each client lends to it.

use anyhow::Result;
use connect_pg::{Session, Store};
use postgres::Client;

use super::client::{self, impl_store_client};
use super::data;
use crate::measure::job::Job;
use crate::measure::payload::Payload;
use crate::measure::workload::Workload;
use crate::server::postgres::{RUNTIME_ROLE, Relation, Server};
use crate::stores::store::StoreClient;
use crate::stores::table_store::TableClient;

/// A client that lends its connection to connect-pg.
pub struct ConnectPgBorrowed {
    client: Client,
    kept: Vec<Session<Payload>>,
}

impl TableClient for ConnectPgBorrowed {
    const NAME: &'static str = "connect-pg, borrowed";

    fn supports(_: Workload) -> bool {
        true
    }

    fn prepare(server: &Server, relation: &Relation, job: &Job) -> Result<()> {
        data::make_due(server, &relation.database, job)
    }

    fn connect(
        server: &Server,
        relation: &Relation,
        clients: u32,
    ) -> Result<Vec<ConnectPgBorrowed>> {
        (0..clients)
            .map(|_| {
                Ok(ConnectPgBorrowed {
                    client: server.connect(RUNTIME_ROLE, &relation.database)?,
                    kept: Vec::new(),
                })
            })
            .collect()
    }
}

impl_store_client!(ConnectPgBorrowed, self, Store::on(&mut self.client));
