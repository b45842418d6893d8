//! The hand-written table with an indexed user, for the workloads with users. The index would slow down the other statements of
//! [`super::hand_written`], so this is a table of its own.

use std::net::IpAddr;
use std::time::SystemTime;

use anyhow::{Result, bail};
use postgres::types::{Json, Type};
use postgres::{Client, Statement};

use super::copy::{self, expiry};
use super::store::{StoreClient, live};
use super::table_store::TableClient;
use crate::measure::ids::{id_of, random_id, user_of};
use crate::measure::payload::Payload;
use crate::measure::workload::Workload;
use crate::server::postgres::{Relation, Server, TABLE_OWNER};

/// Creates the table in a new database and fills it.
pub fn fill(server: &Server, database: &str, sessions: u32, bytes: usize) -> Result<Relation> {
    server.create_database(database)?;
    server.batch(
        database,
        &format!(
            "create table public.session (
                 id text primary key, data json not null, expires_at timestamptz not null, user_id text,
                 created_at timestamptz not null default now(), client_address inet, user_agent text
             );
             create index on public.session (expires_at);
             create index on public.session (user_id);
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
        "id, data, expires_at, user_id",
        &[Type::TEXT, Type::JSON, Type::TIMESTAMPTZ, Type::TEXT],
        sessions,
        |index, expires_at| {
            Ok(vec![
                Box::new(id_of(index)),
                Box::new(Json(Payload::new(index, bytes))),
                Box::new(expires_at),
                Box::new(user_of(index, sessions)),
            ])
        },
    )
}

/// A client of the hand-written table with users.
pub struct HandWrittenUsers {
    client: Client,
    select: Statement,
    insert: Statement,
    login: Statement,
    list: Statement,
}

impl HandWrittenUsers {
    fn new(mut client: Client) -> Result<HandWrittenUsers> {
        Ok(HandWrittenUsers {
            select: client.prepare("select data from public.session where id = $1 and expires_at > now()")?,
            insert: client.prepare("insert into public.session (id, data, expires_at) values ($1, $2, $3)")?,
            login: client.prepare(
                "update public.session set id = $2, user_id = $3, expires_at = $4 where id = $1 and expires_at > now()",
            )?,
            list: client.prepare(
                "select created_at, expires_at, client_address, user_agent from public.session
                 where user_id = $1 and expires_at > now()
                 order by expires_at desc",
            )?,
            client,
        })
    }
}

impl TableClient for HandWrittenUsers {
    const NAME: &'static str = "hand-written SQL, users";

    fn supports(workload: Workload) -> bool {
        matches!(
            workload,
            Workload::Create | Workload::Login | Workload::UserSessions
        )
    }

    fn connect(
        server: &Server,
        relation: &Relation,
        clients: u32,
    ) -> Result<Vec<HandWrittenUsers>> {
        (0..clients)
            .map(|_| HandWrittenUsers::new(server.connect(TABLE_OWNER, &relation.database)?))
            .collect()
    }
}

impl StoreClient for HandWrittenUsers {
    fn create(&mut self, payload: &Payload) -> Result<String> {
        let id = random_id()?;
        self.client
            .execute(&self.insert, &[&id, &Json(payload), &expiry()])?;
        Ok(id)
    }

    fn login(&mut self, id: &str, user: &str) -> Result<String> {
        let row = live(self.client.query_opt(&self.select, &[&id])?)?;
        let Json(_): Json<Payload> = row.try_get(0)?;
        let new = random_id()?;
        let changed = self
            .client
            .execute(&self.login, &[&id, &new, &user, &expiry()])?;
        if changed != 1 {
            bail!("there was no live session to log in");
        }
        Ok(new)
    }

    fn user_sessions(&mut self, user: &str) -> Result<usize> {
        let rows = self.client.query(&self.list, &[&user])?;
        for row in &rows {
            let _: SystemTime = row.try_get(0)?;
            let _: SystemTime = row.try_get(1)?;
            let _: Option<IpAddr> = row.try_get(2)?;
            let _: Option<&str> = row.try_get(3)?;
        }
        Ok(rows.len())
    }
}
