//! What an application writes by hand: a plain table and four statements, prepared once on each connection.

use anyhow::{Result, bail};
use postgres::types::{Json, Type};
use postgres::{Client, Statement};

use super::copy::{self, expiry};
use super::store::live;
use super::table_store::TableClient;
use super::whole_session::{WholeSessionClient, WholeSessionStore};
use crate::measure::ids::id_of;
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
    let relation = Relation {
        database: database.to_owned(),
        table: "public.session",
    };
    copy::fill_table(
        server,
        relation,
        "id, data, expires_at",
        &[Type::TEXT, Type::JSON, Type::TIMESTAMPTZ],
        sessions,
        |index, expires_at| {
            Ok(vec![
                Box::new(id_of(index)),
                Box::new(Json(Payload::new(index, bytes))),
                Box::new(expires_at),
            ])
        },
    )
}

/// A client of the hand-written table.
pub type HandWritten = WholeSessionClient<Statements>;

/// The four statements.
pub struct Statements {
    client: Client,
    select: Statement,
    slide: Statement,
    upsert: Statement,
    delete: Statement,
}

impl Statements {
    fn new(mut client: Client) -> Result<Statements> {
        Ok(Statements {
            select: client.prepare("select data from public.session where id = $1 and expires_at > now()")?,
            slide: client.prepare("update public.session set expires_at = $2 where id = $1")?,
            upsert: client.prepare(
                "insert into public.session (id, data, expires_at) values ($1, $2, $3)
                 on conflict (id) do update set data = excluded.data, expires_at = excluded.expires_at",
            )?,
            delete: client.prepare("delete from public.session where id = $1")?,
            client,
        })
    }
}

impl WholeSessionStore for Statements {
    fn get(&mut self, id: &str) -> Result<Payload> {
        let row = live(self.client.query_opt(&self.select, &[&id])?)?;
        let Json(payload) = row.try_get(0)?;
        Ok(payload)
    }

    fn set(&mut self, id: &str, payload: &Payload) -> Result<()> {
        self.client
            .execute(&self.upsert, &[&id, &Json(payload), &expiry()])?;
        Ok(())
    }

    fn rolling(&mut self, id: &str) -> Result<()> {
        self.get(id)?;
        self.client.execute(&self.slide, &[&id, &expiry()])?;
        Ok(())
    }

    fn delete(&mut self, id: &str) -> Result<()> {
        if self.client.execute(&self.delete, &[&id])? != 1 {
            bail!("there was no session to end");
        }
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
        let client = || Statements::new(server.connect(TABLE_OWNER, &relation.database)?);
        (0..clients)
            .map(|_| Ok(WholeSessionClient::new(client()?)))
            .collect()
    }
}
