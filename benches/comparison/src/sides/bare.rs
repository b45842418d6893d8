//! The `postgres` crate alone, calling the same functions of our store by prepared statements: what our client is measured by.

use std::time::SystemTime;

use anyhow::{Result, bail};
use postgres::{Client, NoTls, Statement};
use sha2::{Digest, Sha256};

use crate::payload::Payload;
use crate::run::{Job, Threaded, Worker};
use crate::server::{OUR_ROLE, Relation, Server};
use crate::sides::ours;
use crate::workload::Workload;

pub struct Bare<'a> {
    server: &'a Server,
    relation: Relation,
}

impl<'a> Bare<'a> {
    pub const NAME: &'static str = "bare postgres crate";

    pub fn new(server: &'a Server, relation: Relation) -> Bare<'a> {
        Bare { server, relation }
    }
}

impl Threaded for Bare<'_> {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn does(&self, workload: Workload) -> bool {
        matches!(
            workload,
            Workload::Load | Workload::Rolling | Workload::Save
        )
    }

    fn prepare(&self, job: &Job) -> Result<()> {
        ours::make_due(self.server, &self.relation.database, job)
    }

    fn relation(&self) -> Option<Relation> {
        Some(self.relation.clone())
    }

    fn server_process(&self) -> u32 {
        self.server.process()
    }

    fn connect(&self, clients: u32) -> Result<Vec<Box<dyn Worker>>> {
        let config = self.server.config(OUR_ROLE, &self.relation.database);
        (0..clients)
            .map(|_| Ok(Box::new(BareWorker::new(config.connect(NoTls)?)?) as Box<dyn Worker>))
            .collect()
    }
}

pub struct BareWorker {
    client: Client,
    load: Statement,
    save: Statement,
    kept: Vec<([u8; 32], i64, Payload)>,
}

impl BareWorker {
    pub fn new(mut client: Client) -> Result<BareWorker> {
        let load = client
            .prepare("select data, version, expires_at, user_id from web.load_session($1, $2)")?;
        let save = client
            .prepare("select outcome, version, expires_at from web.save_session($1, $2, $3)")?;
        Ok(BareWorker {
            client,
            load,
            save,
            kept: Vec::new(),
        })
    }

    fn load_by_key(&mut self, key: &[u8; 32], slide: bool) -> Result<(Payload, i64)> {
        let Some(row) = self
            .client
            .query_opt(&self.load, &[&key.as_slice(), &slide])?
        else {
            bail!("there is no such live session");
        };
        let payload = serde_json::from_str(row.try_get(0)?)?;
        let version = row.try_get(1)?;
        let _: SystemTime = row.try_get(2)?;
        let _: Option<String> = row.try_get(3)?;
        Ok((payload, version))
    }
}

impl Worker for BareWorker {
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
            bail!("a save was not saved");
        }
        *version = row.try_get(1)?;
        let _: SystemTime = row.try_get(2)?;
        Ok(())
    }

    fn change(&mut self, _: &str) -> Result<()> {
        bail!("not measured")
    }

    fn create(&mut self, _: &Payload) -> Result<String> {
        bail!("not measured")
    }

    fn login(&mut self, _: &str, _: &str) -> Result<String> {
        bail!("not measured")
    }

    fn end(&mut self, _: &str) -> Result<()> {
        bail!("not measured")
    }
}

fn key(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}
