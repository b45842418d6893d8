//! tower-sessions-sqlx-store, called through the trait of tower-sessions.
//!
//! Each client is a thread with a runtime and a pool of one connection, so that no call changes threads. The pool has sqlx'
//! default settings: it pings a connection at each check-out.

use std::collections::HashMap;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postgres::types::Type;
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use tokio::runtime::{Builder, Runtime};
use tower_sessions_core::SessionStore;
use tower_sessions_core::session::{Id, Record};
use tower_sessions_sqlx_store::PostgresStore;
use tower_sessions_sqlx_store::sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::copy::{self, IDLE_TIMEOUT_SECONDS};
use super::store::{StoreClient, live};
use super::table_store::TableClient;
use crate::measure::ids::id_of;
use crate::measure::payload::Payload;
use crate::measure::workload::Workload;
use crate::server::postgres::{Relation, Server, TABLE_OWNER};

/// Creates the table in a new database by the store's own migration, and fills it.
pub fn fill(server: &Server, database: &str, sessions: u32, bytes: usize) -> Result<Relation> {
    server.create_database(database)?;
    let client = TowerSessions::open(server, database)?;
    client.runtime.block_on(client.store.migrate())?;
    drop(client);
    let relation = Relation {
        database: database.to_owned(),
        table: "tower_sessions.session",
    };
    copy::fill_table(
        server,
        relation,
        "id, data, expiry_date",
        &[Type::TEXT, Type::BYTEA, Type::TIMESTAMPTZ],
        sessions,
        |index, expires_at| {
            let record = record(index, bytes, expires_at.into())?;
            Ok(vec![
                Box::new(record.id.to_string()),
                Box::new(rmp_serde::to_vec(&record)?),
                Box::new(expires_at),
            ])
        },
    )
}

/// A client of tower-sessions-sqlx-store.
pub struct TowerSessions {
    store: PostgresStore,
    kept: Vec<Record>,
    // The last field, since the pool needs the runtime to close its connections.
    runtime: Runtime,
}

impl TowerSessions {
    fn open(server: &Server, database: &str) -> Result<TowerSessions> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let pool = runtime.block_on(
            PgPoolOptions::new()
                .max_connections(1)
                .connect_with(connect_options(server, database)),
        )?;
        Ok(TowerSessions {
            store: PostgresStore::new(pool),
            kept: Vec::new(),
            runtime,
        })
    }

    fn load_record(&self, id: &str) -> Result<Record> {
        let id = tower_id(id)?;
        live(self.runtime.block_on(self.store.load(&id))?)
    }

    fn save_record(&self, record: &mut Record) -> Result<()> {
        record.expiry_date = expiry();
        Ok(self.runtime.block_on(self.store.save(record))?)
    }

    fn create_record(&self, mut record: Record) -> Result<String> {
        self.runtime.block_on(self.store.create(&mut record))?;
        Ok(record.id.to_string())
    }
}

impl TableClient for TowerSessions {
    const NAME: &'static str = "tower-sessions-sqlx";

    fn supports(workload: Workload) -> bool {
        !matches!(
            workload,
            Workload::Rolling20s | Workload::RollingSeldom | Workload::UserSessions
        )
    }

    fn connect(server: &Server, relation: &Relation, clients: u32) -> Result<Vec<TowerSessions>> {
        (0..clients)
            .map(|_| TowerSessions::open(server, &relation.database))
            .collect()
    }
}

impl StoreClient for TowerSessions {
    fn load(&mut self, id: &str) -> Result<()> {
        self.load_record(id)?;
        Ok(())
    }

    /// Saves the whole record, as each response does after `with_always_save(true)`.
    fn rolling(&mut self, id: &str) -> Result<()> {
        let mut record = self.load_record(id)?;
        self.save_record(&mut record)
    }

    fn keep(&mut self, id: &str) -> Result<()> {
        let record = self.load_record(id)?;
        self.kept.push(record);
        Ok(())
    }

    fn save(&mut self, n: usize) -> Result<()> {
        change(&mut self.kept[n]);
        self.kept[n].expiry_date = expiry();
        Ok(self.runtime.block_on(self.store.save(&self.kept[n]))?)
    }

    fn change(&mut self, id: &str) -> Result<()> {
        let mut record = self.load_record(id)?;
        change(&mut record);
        self.save_record(&mut record)
    }

    fn create(&mut self, payload: &Payload) -> Result<String> {
        self.create_record(Record {
            id: Id::default(),
            data: data_of(payload)?,
            expiry_date: expiry(),
        })
    }

    /// Loads, deletes and creates, as `Session::cycle_id` does.
    fn login(&mut self, id: &str, _: &str) -> Result<String> {
        let mut record = self.load_record(id)?;
        self.runtime.block_on(self.store.delete(&record.id))?;
        record.id = Id::default();
        self.create_record(record)
    }

    fn end(&mut self, id: &str) -> Result<()> {
        let id = tower_id(id)?;
        Ok(self.runtime.block_on(self.store.delete(&id))?)
    }
}

/// Returns how the store connects to a database.
pub(super) fn connect_options(server: &Server, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host(server.host())
        .port(server.port())
        .username(TABLE_OWNER)
        .password(server.password())
        .database(database)
}

/// Returns session number `index` of a filled store.
pub(super) fn record(index: u32, bytes: usize, expiry_date: OffsetDateTime) -> Result<Record> {
    Ok(Record {
        id: tower_id(&id_of(index))?,
        data: data_of(&Payload::new(index, bytes))?,
        expiry_date,
    })
}

/// Returns an id of 128 bits: the first half of the given id, or the store's own id.
pub(super) fn tower_id(id: &str) -> Result<Id> {
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

pub(super) fn change(record: &mut Record) {
    if let Some(views) = record.data.get_mut("views") {
        *views = Value::from(views.as_u64().unwrap_or_default() + 1);
    }
}

pub(super) fn expiry() -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::seconds(i64::from(IDLE_TIMEOUT_SECONDS))
}
