//! The functions of connect-pg, called by the `postgres` crate alone. The difference to connect-pg is the cost of the client.

use std::time::SystemTime;

use anyhow::{Result, bail};
use postgres::{Client, Statement};
use sha2::{Digest, Sha256};

use super::connect_pg::data;
use super::store::{StoreClient, live};
use super::table_store::TableClient;
use crate::measure::job::Job;
use crate::measure::payload::Payload;
use crate::measure::workload::Workload;
use crate::server::postgres::{RUNTIME_ROLE, Relation, Server};

/// A client of connect-pg's functions by the `postgres` crate.
pub struct BarePostgres {
    client: Client,
    load: Statement,
    save: Statement,
    kept: Vec<([u8; 32], i64, Payload)>,
}

impl BarePostgres {
    fn new(mut client: Client) -> Result<BarePostgres> {
        let load = client
            .prepare("select (q.s).* from (select web.load_session_value($1, $2) as s) as q")?;
        let save = client.prepare(
            "select outcome, version, expires_at, server_time from web.save_session($1, $2, $3)",
        )?;
        Ok(BarePostgres {
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
        let _: SystemTime = row.try_get(4)?;
        Ok((payload, version))
    }
}

impl TableClient for BarePostgres {
    const NAME: &'static str = "bare postgres crate";

    fn supports(workload: Workload) -> bool {
        matches!(
            workload,
            Workload::Load | Workload::Rolling | Workload::Save
        )
    }

    fn prepare(server: &Server, relation: &Relation, job: &Job) -> Result<()> {
        data::make_due(server, &relation.database, job)
    }

    fn connect(server: &Server, relation: &Relation, clients: u32) -> Result<Vec<BarePostgres>> {
        (0..clients)
            .map(|_| BarePostgres::new(server.connect(RUNTIME_ROLE, &relation.database)?))
            .collect()
    }
}

impl StoreClient for BarePostgres {
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
        let _: SystemTime = row.try_get(3)?;
        Ok(())
    }
}

fn key(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}
