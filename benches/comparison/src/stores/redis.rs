//! Redis as session stores use it: GET and EXPIRE for a rolling request, SET EX for a save.

use anyhow::{Result, bail};
use redis::{Connection, cmd, pipe};

use super::copy::IDLE_TIMEOUT_SECONDS;
use super::store::{StoreClient, ThreadedStore, live};
use super::tower_sessions;
use super::whole_session::{WholeSessionClient, WholeSessionStore};
use crate::measure::ids::id_of;
use crate::measure::payload::Payload;
use crate::measure::workload::Workload;
use crate::server::postgres::Relation;
use crate::server::redis::{Durability, Redis};

/// Redis with a connection for each thread, where tasks are shown beside it.
pub const REDIS_THREADS: &str = "Redis, threads";
pub const REDIS_THREADS_EVERY_SECOND: &str = "Redis, threads, fsync 1/s";
pub const REDIS_THREADS_ALWAYS: &str = "Redis, threads, fsync always";

/// Replaces the server's content by the sessions.
pub fn fill(redis: &Redis, sessions: u32, bytes: usize) -> Result<()> {
    let mut connection = redis.connect()?;
    cmd("FLUSHALL").query::<()>(&mut connection)?;
    let mut index = 0;
    while index < sessions {
        let end = sessions.min(index + 1000);
        let mut pipe = pipe();
        for i in index..end {
            let json = Payload::new(i, bytes).to_json();
            pipe.cmd("SET")
                .arg(key(&id_of(i)))
                .arg(json)
                .arg("EX")
                .arg(IDLE_TIMEOUT_SECONDS)
                .ignore();
        }
        pipe.query::<()>(&mut connection)?;
        index = end;
    }
    Ok(())
}

/// Adds the records that tower-sessions-redis-store would have stored.
pub fn fill_tower(redis: &Redis, sessions: u32, bytes: usize) -> Result<()> {
    let mut connection = redis.connect()?;
    for first in (0..sessions).step_by(1000) {
        let mut pipe = pipe();
        for index in first..sessions.min(first + 1000) {
            let record = tower_sessions::record(index, bytes, tower_sessions::expiry())?;
            pipe.cmd("SET")
                .arg(record.id.to_string())
                .arg(rmp_serde::to_vec(&record)?)
                .arg("EX")
                .arg(IDLE_TIMEOUT_SECONDS)
                .ignore();
        }
        pipe.query::<()>(&mut connection)?;
    }
    Ok(())
}

/// How a rolling request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// GET, then EXPIRE, as session stores do.
    OneByOne,
    /// GET and EXPIRE in one round trip.
    Pipelined,
    /// One command, which Redis has since 6.2.
    GetEx,
}

/// Redis with one way of sending commands.
pub struct RedisStore<'a> {
    redis: &'a Redis,
    sending: Sending,
}

impl<'a> RedisStore<'a> {
    pub const NAME: &'static str = "Redis";

    pub fn new(redis: &'a Redis, sending: Sending) -> RedisStore<'a> {
        RedisStore { redis, sending }
    }
}

impl ThreadedStore for RedisStore<'_> {
    fn name(&self) -> &'static str {
        match (self.redis.durability(), self.sending) {
            (Durability::None, Sending::OneByOne) => Self::NAME,
            (Durability::None, Sending::Pipelined) => "Redis, pipelined",
            (Durability::None, Sending::GetEx) => "Redis, GETEX",
            (Durability::EverySecond, _) => "Redis, fsync 1/s",
            (Durability::Always, _) => "Redis, fsync always",
        }
    }

    fn supports(&self, workload: Workload) -> bool {
        match self.sending {
            // Beside the other two, only the durable write is of interest.
            Sending::OneByOne if self.redis.durability() == Durability::Always => {
                workload == Workload::Save
            }
            Sending::OneByOne => !matches!(
                workload,
                Workload::Rolling20s | Workload::RollingSeldom | Workload::UserSessions
            ),
            Sending::Pipelined | Sending::GetEx => workload == Workload::Rolling,
        }
    }

    fn relation(&self) -> Option<Relation> {
        None
    }

    fn server_process(&self) -> u32 {
        self.redis.process()
    }

    fn connect(&self, clients: u32) -> Result<Vec<Box<dyn StoreClient>>> {
        (0..clients)
            .map(|_| {
                Ok(Box::new(WholeSessionClient::new(Commands {
                    connection: self.redis.connect()?,
                    sending: self.sending,
                })) as Box<dyn StoreClient>)
            })
            .collect()
    }
}

struct Commands {
    connection: Connection,
    sending: Sending,
}

impl WholeSessionStore for Commands {
    fn get(&mut self, id: &str) -> Result<Payload> {
        let json: Option<String> = cmd("GET").arg(key(id)).query(&mut self.connection)?;
        parse(json)
    }

    fn set(&mut self, id: &str, payload: &Payload) -> Result<()> {
        Ok(cmd("SET")
            .arg(key(id))
            .arg(payload.to_json())
            .arg("EX")
            .arg(IDLE_TIMEOUT_SECONDS)
            .query(&mut self.connection)?)
    }

    fn rolling(&mut self, id: &str) -> Result<()> {
        match self.sending {
            Sending::OneByOne => {
                self.get(id)?;
                let there: bool = cmd("EXPIRE")
                    .arg(key(id))
                    .arg(IDLE_TIMEOUT_SECONDS)
                    .query(&mut self.connection)?;
                if !there {
                    bail!("a session is gone");
                }
            }
            Sending::Pipelined => {
                let (json, _): (Option<String>, bool) = pipe()
                    .cmd("GET")
                    .arg(key(id))
                    .cmd("EXPIRE")
                    .arg(key(id))
                    .arg(IDLE_TIMEOUT_SECONDS)
                    .query(&mut self.connection)?;
                parse(json)?;
            }
            Sending::GetEx => {
                let json = cmd("GETEX")
                    .arg(key(id))
                    .arg("EX")
                    .arg(IDLE_TIMEOUT_SECONDS)
                    .query(&mut self.connection)?;
                parse(json)?;
            }
        }
        Ok(())
    }

    fn delete(&mut self, id: &str) -> Result<()> {
        let ended: u32 = cmd("DEL").arg(key(id)).query(&mut self.connection)?;
        if ended != 1 {
            bail!("there was no session to end");
        }
        Ok(())
    }
}

pub(super) fn key(id: &str) -> String {
    format!("sess:{id}")
}

pub(super) fn parse(json: Option<String>) -> Result<Payload> {
    Ok(serde_json::from_str(&live(json)?)?)
}
