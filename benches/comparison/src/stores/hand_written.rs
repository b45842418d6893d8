//! What an application writes by hand: a plain table and four statements, prepared once on each connection.

use std::time::SystemTime;

use anyhow::{Result, bail};
use postgres::types::{Json, ToSql, Type};
use postgres::{Client, Statement};

use super::copy::{self, expiry, filled_expiry};
use super::store::{StoreClient, live};
use super::table_store::TableClient;
use crate::measure::ids::{id_of, random_id};
use crate::measure::payload::Payload;
use crate::measure::workload::Workload;
use crate::server::postgres::{Relation, Server, TABLE_OWNER};

/// Creates the table in a new database and fills it.
pub fn fill(server: &Server, database: &str, sessions: u32, bytes: usize) -> Result<Relation> {
    server.create_database(database)?;
    server.batch(
        database,
        &format!(
            "create table public.session (id text primary key, data json not null, expires_at timestamptz not null);
             create index on public.session (expires_at);
             alter table public.session owner to {TABLE_OWNER}"
        ),
    )?;
    let now = SystemTime::now();
    copy::fill(
        server,
        database,
        "copy public.session (id, data, expires_at) from stdin (format binary)",
        &[Type::TEXT, Type::JSON, Type::TIMESTAMPTZ],
        0..sessions,
        |index| {
            Ok(vec![
                Box::new(id_of(index)) as Box<dyn ToSql + Sync>,
                Box::new(Json(Payload::new(index, bytes))),
                Box::new(filled_expiry(now, index)),
            ])
        },
    )?;
    let relation = Relation {
        database: database.to_owned(),
        table: "public.session",
    };
    server.settle(&relation)?;
    Ok(relation)
}

/// A client of the hand-written table.
pub struct HandWritten {
    client: Client,
    select: Statement,
    slide: Statement,
    upsert: Statement,
    delete: Statement,
    kept: Vec<(String, Payload)>,
}

impl HandWritten {
    fn new(mut client: Client) -> Result<HandWritten> {
        Ok(HandWritten {
            select: client.prepare("select data from public.session where id = $1 and expires_at > now()")?,
            slide: client.prepare("update public.session set expires_at = $2 where id = $1")?,
            upsert: client.prepare(
                "insert into public.session (id, data, expires_at) values ($1, $2, $3)
                 on conflict (id) do update set data = excluded.data, expires_at = excluded.expires_at",
            )?,
            delete: client.prepare("delete from public.session where id = $1")?,
            client,
            kept: Vec::new(),
        })
    }

    fn select(&mut self, id: &str) -> Result<Payload> {
        let row = live(self.client.query_opt(&self.select, &[&id])?)?;
        let Json(payload) = row.try_get(0)?;
        Ok(payload)
    }

    fn upsert(&mut self, id: &str, payload: &Payload) -> Result<()> {
        self.client
            .execute(&self.upsert, &[&id, &Json(payload), &expiry()])?;
        Ok(())
    }
}

impl TableClient for HandWritten {
    const NAME: &'static str = "hand-written SQL";

    fn supports(workload: Workload) -> bool {
        // Its rolling requests always write, and its sessions have no users.
        !matches!(
            workload,
            Workload::Rolling20s
                | Workload::RollingSeldom
                | Workload::UserSessions
                | Workload::Login
        )
    }

    fn connect(server: &Server, relation: &Relation, clients: u32) -> Result<Vec<HandWritten>> {
        (0..clients)
            .map(|_| HandWritten::new(server.connect(TABLE_OWNER, &relation.database)?))
            .collect()
    }
}

impl StoreClient for HandWritten {
    fn load(&mut self, id: &str) -> Result<()> {
        self.select(id)?;
        Ok(())
    }

    fn rolling(&mut self, id: &str) -> Result<()> {
        self.select(id)?;
        self.client.execute(&self.slide, &[&id, &expiry()])?;
        Ok(())
    }

    fn keep(&mut self, id: &str) -> Result<()> {
        let payload = self.select(id)?;
        self.kept.push((id.to_owned(), payload));
        Ok(())
    }

    fn save(&mut self, n: usize) -> Result<()> {
        let (id, payload) = &mut self.kept[n];
        payload.change();
        self.client
            .execute(&self.upsert, &[id, &Json(&*payload), &expiry()])?;
        Ok(())
    }

    fn change(&mut self, id: &str) -> Result<()> {
        let mut payload = self.select(id)?;
        payload.change();
        self.upsert(id, &payload)
    }

    fn create(&mut self, payload: &Payload) -> Result<String> {
        let id = random_id()?;
        self.upsert(&id, payload)?;
        Ok(id)
    }

    fn end(&mut self, id: &str) -> Result<()> {
        if self.client.execute(&self.delete, &[&id])? != 1 {
            bail!("there was no session to end");
        }
        Ok(())
    }
}
