//! The functions of connect-pg, called by the `postgres` crate alone. The difference to connect-pg is the cost of the client.

use std::time::SystemTime;

use anyhow::{Result, bail};
use postgres::{Client, NoTls, Statement};
use sha2::{Digest, Sha256};

use super::connect_pg::data;
use super::store::{StoreClient, ThreadedStore, live};
use crate::measure::job::Job;
use crate::measure::payload::Payload;
use crate::measure::workload::Workload;
use crate::server::postgres::{RUNTIME_ROLE, Relation, Server};

/// The `postgres` crate on connect-pg's table.
pub struct BarePostgres<'a> {
    server: &'a Server,
    relation: Relation,
}

impl<'a> BarePostgres<'a> {
    pub const NAME: &'static str = "bare postgres crate";

    pub fn new(server: &'a Server, relation: Relation) -> BarePostgres<'a> {
        BarePostgres { server, relation }
    }
}

impl ThreadedStore for BarePostgres<'_> {
    fn name(&self) -> &'static str {
        Self::NAME
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
        let config = self.server.config(RUNTIME_ROLE, &self.relation.database);
        (0..clients)
            .map(|_| {
                Ok(Box::new(BarePostgresClient::new(postgres::Config::from(config.clone()).connect(NoTls)?)?)
                    as Box<dyn StoreClient>)
            })
            .collect()
    }
}

struct BarePostgresClient {
    client: Client,
    load: Statement,
    save: Statement,
    kept: Vec<([u8; 32], i64, Payload)>,
}

impl BarePostgresClient {
    fn new(mut client: Client) -> Result<BarePostgresClient> {
        let load = client
            .prepare("select data, version, expires_at, user_id from web.load_session($1, $2)")?;
        let save = client
            .prepare("select outcome, version, expires_at from web.save_session($1, $2, $3)")?;
        Ok(BarePostgresClient {
            client,
            load,
            save,
            kept: Vec::new(),
        })
    }

    fn load_by_key(&mut self, key: &[u8; 32], slide: bool) -> Result<(Payload, i64)> {
        let row = live(
            self.client
                .query_opt(&self.load, &[&key.as_slice(), &slide])?,
        )?;
        let payload = serde_json::from_str(row.try_get(0)?)?;
        let version = row.try_get(1)?;
        let _: SystemTime = row.try_get(2)?;
        let _: Option<String> = row.try_get(3)?;
        Ok((payload, version))
    }
}

impl StoreClient for BarePostgresClient {
    fn load(&mut self, id: &str) -> Result<()> {
        self.load_by_key(&key(id), false)?;
        Ok(())
    }

    fn rolling(&mut self, id: &str) -> Result<()> {
        self.load_by_key(&key(id), true)?;
        Ok(())
    }

    fn keep(&mut self, id: &str) -> Result<()> {
        let key = key(id);
        let (payload, version) = self.load_by_key(&key, false)?;
        self.kept.push((key, version, payload));
        Ok(())
    }

    fn save(&mut self, n: usize) -> Result<()> {
        let (key, version, payload) = &mut self.kept[n];
        payload.change();
        let row = self
            .client
            .query_one(&self.save, &[&key.as_slice(), &payload.to_json(), version])?;
        if row.try_get::<_, &str>(0)? != "saved" {
            bail!("a session was not saved");
        }
        *version = row.try_get(1)?;
        let _: SystemTime = row.try_get(2)?;
        Ok(())
    }

    fn change(&mut self, _: &str) -> Result<()> {
        bail!("not measured")
    }

    fn end(&mut self, _: &str) -> Result<()> {
        bail!("not measured")
    }
}

fn key(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}
