//! The hand-written table once more, with a user and an index by it, for the workloads that are about users. A table of its own:
//! the further index would slow down every other statement of [`super::hand_written`], which does without.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use postgres::types::{Json, ToSql, Type};
use postgres::{Client, NoTls, Statement};

use crate::ids::{id_of, mix, random_id, user_of};
use crate::payload::Payload;
use crate::run::{Threaded, Worker};
use crate::server::{OTHER_ROLE, Relation, Server};
use crate::sides::{self, IDLE_SECONDS};
use crate::workload::Workload;

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
             alter table public.session owner to {OTHER_ROLE}"
        ),
    )?;
    let now = SystemTime::now();
    sides::fill(
        server,
        database,
        "copy public.session (id, data, expires_at, user_id) from stdin (format binary)",
        &[Type::TEXT, Type::JSON, Type::TIMESTAMPTZ, Type::TEXT],
        0..sessions,
        |index| {
            let expires = now + Duration::from_secs(u64::from(4 * 3600 + mix(index) % 72_000));
            Ok(vec![
                Box::new(id_of(index)) as Box<dyn ToSql + Sync>,
                Box::new(Json(Payload::new(index, bytes))),
                Box::new(expires),
                Box::new(user_of(index, sessions)),
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

pub struct HandWrittenUsers<'a> {
    server: &'a Server,
    relation: Relation,
}

impl<'a> HandWrittenUsers<'a> {
    pub const NAME: &'static str = "hand-written SQL, users";

    pub fn new(server: &'a Server, relation: Relation) -> HandWrittenUsers<'a> {
        HandWrittenUsers { server, relation }
    }

    pub fn is_for(workload: Workload) -> bool {
        matches!(workload, Workload::Login | Workload::UserSessions)
    }
}

impl Threaded for HandWrittenUsers<'_> {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn does(&self, workload: Workload) -> bool {
        Self::is_for(workload)
    }

    fn relation(&self) -> Option<Relation> {
        Some(self.relation.clone())
    }

    fn server_process(&self) -> u32 {
        self.server.process()
    }

    fn connect(&self, clients: u32) -> Result<Vec<Box<dyn Worker>>> {
        let config = self.server.config(OTHER_ROLE, &self.relation.database);
        (0..clients)
            .map(|_| Ok(Box::new(UsersWorker::new(config.connect(NoTls)?)?) as Box<dyn Worker>))
            .collect()
    }
}

struct UsersWorker {
    client: Client,
    select: Statement,
    insert: Statement,
    login: Statement,
    list: Statement,
}

impl UsersWorker {
    fn new(mut client: Client) -> Result<UsersWorker> {
        Ok(UsersWorker {
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

impl Worker for UsersWorker {
    fn load(&mut self, _: &str) -> Result<()> {
        bail!("not measured")
    }

    fn rolling(&mut self, _: &str) -> Result<()> {
        bail!("not measured")
    }

    fn keep(&mut self, _: &str) -> Result<()> {
        bail!("not measured")
    }

    fn save(&mut self, _: usize) -> Result<()> {
        bail!("not measured")
    }

    fn change(&mut self, _: &str) -> Result<()> {
        bail!("not measured")
    }

    fn create(&mut self, payload: &Payload) -> Result<String> {
        let id = random_id()?;
        self.client
            .execute(&self.insert, &[&id, &Json(payload), &expiry()])?;
        Ok(id)
    }

    fn login(&mut self, id: &str, user: &str) -> Result<String> {
        let Some(row) = self.client.query_opt(&self.select, &[&id])? else {
            bail!("there is no such live session");
        };
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

    fn end(&mut self, _: &str) -> Result<()> {
        bail!("not measured")
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

fn expiry() -> SystemTime {
    SystemTime::now() + Duration::from_secs(u64::from(IDLE_SECONDS))
}
