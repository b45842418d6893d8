//! tower-sessions-sqlx-store, through the trait that tower-sessions calls it by.
//!
//! Each client is a thread with a runtime and a pool of one connection, which spares it the way between threads. The pool is as
//! sqlx makes it: it pings a connection before it hands it out.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postgres::types::{ToSql, Type};
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use tokio::runtime::{Builder, Runtime};
use tower_sessions_core::SessionStore;
use tower_sessions_core::session::{Id, Record};
use tower_sessions_sqlx_store::PostgresStore;
use tower_sessions_sqlx_store::sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::ids::{id_of, mix};
use crate::payload::Payload;
use crate::run::{Threaded, Worker};
use crate::server::{OTHER_ROLE, Relation, Server};
use crate::sides::{self, IDLE_SECONDS};
use crate::workload::Workload;

pub fn fill(server: &Server, database: &str, sessions: u32, bytes: usize) -> Result<Relation> {
    server.create_database(database)?;
    // Its own migration makes the table.
    let worker = TowerWorker::connect(server, database)?;
    worker.runtime.block_on(worker.store.migrate())?;
    drop(worker);
    let now = OffsetDateTime::now_utc();
    let seconds = |index| i64::from(4 * 3600 + mix(index) % 72_000);
    sides::fill(
        server,
        database,
        "copy tower_sessions.session (id, data, expiry_date) from stdin (format binary)",
        &[Type::TEXT, Type::BYTEA, Type::TIMESTAMPTZ],
        0..sessions,
        |index| {
            let record = Record {
                id: tower_id(&id_of(index))?,
                data: data_of(&Payload::new(index, bytes))?,
                expiry_date: now + Duration::seconds(seconds(index)),
            };
            let expires = std::time::SystemTime::from(record.expiry_date);
            Ok(vec![
                Box::new(record.id.to_string()) as Box<dyn ToSql + Sync>,
                Box::new(rmp_serde::to_vec(&record)?),
                Box::new(expires),
            ])
        },
    )?;
    let relation = Relation {
        database: database.to_owned(),
        table: "tower_sessions.session",
    };
    server.settle(&relation)?;
    Ok(relation)
}

pub struct Tower<'a> {
    server: &'a Server,
    relation: Relation,
}

impl<'a> Tower<'a> {
    pub const NAME: &'static str = "tower-sessions-sqlx";

    pub fn new(server: &'a Server, relation: Relation) -> Tower<'a> {
        Tower { server, relation }
    }
}

impl Threaded for Tower<'_> {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn does(&self, workload: Workload) -> bool {
        !matches!(
            workload,
            Workload::Rolling20s | Workload::RollingSeldom | Workload::UserSessions
        )
    }

    fn relation(&self) -> Option<Relation> {
        Some(self.relation.clone())
    }

    fn server_process(&self) -> u32 {
        self.server.process()
    }

    fn connect(&self, clients: u32) -> Result<Vec<Box<dyn Worker>>> {
        (0..clients)
            .map(|_| {
                Ok(
                    Box::new(TowerWorker::connect(self.server, &self.relation.database)?)
                        as Box<dyn Worker>,
                )
            })
            .collect()
    }
}

struct TowerWorker {
    store: PostgresStore,
    kept: Vec<Record>,
    // The last: the pool's connections are closed by it.
    runtime: Runtime,
}

impl TowerWorker {
    fn connect(server: &Server, database: &str) -> Result<TowerWorker> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let options = PgConnectOptions::new_without_pgpass()
            .host(server.host())
            .port(server.port())
            .username(OTHER_ROLE)
            .password(server.password())
            .database(database);
        let pool = runtime.block_on(
            PgPoolOptions::new()
                .max_connections(1)
                .connect_with(options),
        )?;
        Ok(TowerWorker {
            store: PostgresStore::new(pool),
            kept: Vec::new(),
            runtime,
        })
    }

    fn present(&self, id: &str) -> Result<Record> {
        let id = tower_id(id)?;
        match self.runtime.block_on(self.store.load(&id))? {
            Some(record) => Ok(record),
            None => bail!("there is no such live session"),
        }
    }

    fn store(&self, record: &mut Record) -> Result<()> {
        record.expiry_date = expiry();
        Ok(self.runtime.block_on(self.store.save(record))?)
    }

    fn create_record(&self, mut record: Record) -> Result<String> {
        self.runtime.block_on(self.store.create(&mut record))?;
        Ok(record.id.to_string())
    }
}

impl Worker for TowerWorker {
    fn load(&mut self, id: &str) -> Result<()> {
        self.present(id)?;
        Ok(())
    }

    /// With `with_always_save(true)`, which is how its sessions roll, every response stores the whole record.
    fn rolling(&mut self, id: &str) -> Result<()> {
        let mut record = self.present(id)?;
        self.store(&mut record)
    }

    fn keep(&mut self, id: &str) -> Result<()> {
        let record = self.present(id)?;
        self.kept.push(record);
        Ok(())
    }

    fn save(&mut self, n: usize) -> Result<()> {
        change(&mut self.kept[n]);
        self.kept[n].expiry_date = expiry();
        Ok(self.runtime.block_on(self.store.save(&self.kept[n]))?)
    }

    fn change(&mut self, id: &str) -> Result<()> {
        let mut record = self.present(id)?;
        change(&mut record);
        self.store(&mut record)
    }

    fn create(&mut self, payload: &Payload) -> Result<String> {
        self.create_record(Record {
            id: Id::default(),
            data: data_of(payload)?,
            expiry_date: expiry(),
        })
    }

    /// As `Session::cycle_id` does: load, delete the old one, create anew.
    fn login(&mut self, id: &str, _: &str) -> Result<String> {
        let mut record = self.present(id)?;
        self.runtime.block_on(self.store.delete(&record.id))?;
        record.id = Id::default();
        self.create_record(record)
    }

    fn end(&mut self, id: &str) -> Result<()> {
        let id = tower_id(id)?;
        Ok(self.runtime.block_on(self.store.delete(&id))?)
    }
}

/// Its ids have 128 bits: the first half of ours, or one of its own.
fn tower_id(id: &str) -> Result<Id> {
    if id.len() == 22 {
        return Ok(id.parse()?);
    }
    let bytes = URL_SAFE_NO_PAD.decode(id)?;
    let half = bytes.first_chunk::<16>().context("an id is too short")?;
    Ok(Id(i128::from_le_bytes(*half)))
}

fn data_of(payload: &Payload) -> Result<HashMap<String, Value>> {
    Ok(serde_json::from_value(serde_json::to_value(payload)?)?)
}

fn change(record: &mut Record) {
    if let Some(views) = record.data.get_mut("views") {
        *views = Value::from(views.as_u64().unwrap_or_default() + 1);
    }
}

fn expiry() -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::seconds(i64::from(IDLE_SECONDS))
}
