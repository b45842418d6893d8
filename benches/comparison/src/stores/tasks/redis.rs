//! Redis through one connection that all tasks share, as the `redis` crate recommends it.

use std::time::Duration;

use anyhow::{Result, bail};
use redis::aio::MultiplexedConnection;
use redis::{cmd, pipe};

use super::store::{TaskClient, TaskStore};
use crate::measure::payload::Payload;
use crate::measure::workload::Workload;
use crate::server::postgres::Relation;
use crate::server::redis::{Durability, Redis};
use crate::stores::copy::IDLE_TIMEOUT_SECONDS;
use crate::stores::redis::{Sending, key, parse};

/// Longer than the default, because the bench loads the machine fully.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Redis with one way of sending commands.
pub struct RedisTasks<'a> {
    pub redis: &'a Redis,
    pub sending: Sending,
}

impl RedisTasks<'_> {
    pub const NAME: &'static str = "Redis, tasks";
    pub const PIPELINED: &'static str = "Redis, tasks, pipelined";
    pub const EVERY_SECOND: &'static str = "Redis, tasks, fsync 1/s";
    pub const ALWAYS: &'static str = "Redis, tasks, fsync always";
}

impl TaskStore for RedisTasks<'_> {
    type Client = Client;

    fn name(&self) -> &'static str {
        match (self.redis.durability(), self.sending) {
            (Durability::None, Sending::OneByOne) => Self::NAME,
            (Durability::None, Sending::Pipelined) => Self::PIPELINED,
            (Durability::None, Sending::GetEx) => "Redis, tasks, GETEX",
            (Durability::EverySecond, _) => Self::EVERY_SECOND,
            (Durability::Always, _) => Self::ALWAYS,
        }
    }

    fn supports(&self, workload: Workload) -> bool {
        match (self.redis.durability(), self.sending) {
            (Durability::None, Sending::OneByOne) => true,
            (Durability::None, _) => workload == Workload::Rolling,
            _ => workload == Workload::Save,
        }
    }

    fn relation(&self) -> Option<Relation> {
        None
    }

    fn server_process(&self) -> u32 {
        self.redis.process()
    }

    async fn connect(&self, clients: u32) -> Result<Vec<Client>> {
        let connection = self.redis.multiplexed(RESPONSE_TIMEOUT).await?;
        Ok((0..clients)
            .map(|_| Client {
                connection: connection.clone(),
                sending: self.sending,
                kept: Vec::new(),
            })
            .collect())
    }
}

/// One task.
pub struct Client {
    connection: MultiplexedConnection,
    sending: Sending,
    kept: Vec<(String, Payload)>,
}

impl Client {
    async fn get(&mut self, id: &str) -> Result<Payload> {
        let json = cmd("GET")
            .arg(key(id))
            .query_async(&mut self.connection)
            .await?;
        parse(json)
    }
}

impl TaskClient for Client {
    async fn load(&mut self, id: &str) -> Result<()> {
        self.get(id).await?;
        Ok(())
    }

    async fn rolling(&mut self, id: &str) -> Result<()> {
        match self.sending {
            Sending::OneByOne => {
                self.get(id).await?;
                let there: bool = cmd("EXPIRE")
                    .arg(key(id))
                    .arg(IDLE_TIMEOUT_SECONDS)
                    .query_async(&mut self.connection)
                    .await?;
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
                    .query_async(&mut self.connection)
                    .await?;
                parse(json)?;
            }
            Sending::GetEx => {
                let json = cmd("GETEX")
                    .arg(key(id))
                    .arg("EX")
                    .arg(IDLE_TIMEOUT_SECONDS)
                    .query_async(&mut self.connection)
                    .await?;
                parse(json)?;
            }
        }
        Ok(())
    }

    async fn keep(&mut self, id: &str) -> Result<()> {
        let payload = self.get(id).await?;
        self.kept.push((id.to_owned(), payload));
        Ok(())
    }

    async fn save(&mut self, n: usize) -> Result<()> {
        let (id, payload) = &mut self.kept[n];
        payload.change();
        Ok(cmd("SET")
            .arg(key(id))
            .arg(payload.to_json())
            .arg("EX")
            .arg(IDLE_TIMEOUT_SECONDS)
            .query_async(&mut self.connection)
            .await?)
    }
}
