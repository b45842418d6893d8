//! What an application writes by hand: the usual table, three statements, prepared once on each connection.

use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use postgres::types::{Json, ToSql, Type};
use postgres::{Client, NoTls, Statement};

use crate::ids::{id_of, mix, random_id};
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
            "create table public.session (id text primary key, data json not null, expires_at timestamptz not null);
             create index on public.session (expires_at);
             alter table public.session owner to {OTHER_ROLE}"
        ),
    )?;
    let now = SystemTime::now();
    sides::fill(
        server,
        database,
        "copy public.session (id, data, expires_at) from stdin (format binary)",
        &[Type::TEXT, Type::JSON, Type::TIMESTAMPTZ],
        0..sessions,
        |index| {
            let expires = now + Duration::from_secs(u64::from(4 * 3600 + mix(index) % 72_000));
            Ok(vec![
                Box::new(id_of(index)) as Box<dyn ToSql + Sync>,
                Box::new(Json(Payload::new(index, bytes))),
                Box::new(expires),
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

pub struct HandWritten<'a> {
    server: &'a Server,
    relation: Relation,
}

impl<'a> HandWritten<'a> {
    pub const NAME: &'static str = "hand-written SQL";

    pub fn new(server: &'a Server, relation: Relation) -> HandWritten<'a> {
        HandWritten { server, relation }
    }
}

impl Threaded for HandWritten<'_> {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn does(&self, workload: Workload) -> bool {
        // Each of its rolling requests is the same, however seldom they come; its sessions have no users.
        !matches!(
            workload,
            Workload::Rolling20s
                | Workload::RollingSeldom
                | Workload::UserSessions
                | Workload::Login
        )
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
            .map(|_| {
                Ok(Box::new(HandWrittenWorker::new(config.connect(NoTls)?)?) as Box<dyn Worker>)
            })
            .collect()
    }
}

struct HandWrittenWorker {
    client: Client,
    select: Statement,
    slide: Statement,
    upsert: Statement,
    delete: Statement,
    kept: Vec<(String, Payload)>,
}

impl HandWrittenWorker {
    fn new(mut client: Client) -> Result<HandWrittenWorker> {
        Ok(HandWrittenWorker {
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
        let Some(row) = self.client.query_opt(&self.select, &[&id])? else {
            bail!("there is no such live session");
        };
        let Json(payload) = row.try_get(0)?;
        Ok(payload)
    }

    fn upsert(&mut self, id: &str, payload: &Payload) -> Result<()> {
        self.client
            .execute(&self.upsert, &[&id, &Json(payload), &expiry()])?;
        Ok(())
    }
}

impl Worker for HandWrittenWorker {
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

    fn login(&mut self, _: &str, _: &str) -> Result<String> {
        bail!("not measured")
    }

    fn end(&mut self, id: &str) -> Result<()> {
        if self.client.execute(&self.delete, &[&id])? != 1 {
            bail!("there was no session to end");
        }
        Ok(())
    }
}

fn expiry() -> SystemTime {
    SystemTime::now() + Duration::from_secs(u64::from(IDLE_SECONDS))
}
