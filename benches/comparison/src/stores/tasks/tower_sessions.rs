//! The stores of tower-sessions, called through its trait: tower-sessions-sqlx-store and tower-sessions-redis-store. Each
//! has the pool of its documentation's example, or its default.

use anyhow::{Context, Result};
use tower_sessions_core::SessionStore;
use tower_sessions_core::session::Record;
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};
use tower_sessions_sqlx_store::PostgresStore;
use tower_sessions_sqlx_store::sqlx::postgres::PgPoolOptions;

use super::store::{TaskClient, TaskStore};
use crate::server::postgres::{Relation, Server};
use crate::server::redis::Redis;
use crate::stores::store::live;
use crate::stores::tower_sessions::{change, connect_options, expiry, tower_id};

/// The default of sqlx.
pub const SQLX_POOL_SIZE: u32 = 10;
/// As in the example of tower-sessions-redis-store.
pub const FRED_POOL_SIZE: usize = 6;

/// tower-sessions-sqlx-store.
pub struct SqlxTasks<'a> {
    pub server: &'a Server,
    pub relation: Relation,
}

impl SqlxTasks<'_> {
    pub const NAME: &'static str = "tower-sessions-sqlx, tasks";
}

impl TaskStore for SqlxTasks<'_> {
    type Client = Client<PostgresStore>;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn relation(&self) -> Option<Relation> {
        Some(self.relation.clone())
    }

    fn server_process(&self) -> u32 {
        self.server.process()
    }

    async fn connect(&self, clients: u32) -> Result<Vec<Self::Client>> {
        let pool = PgPoolOptions::new()
            .max_connections(SQLX_POOL_SIZE)
            .connect_with(connect_options(self.server, &self.relation.database))
            .await?;
        Ok(Client::of(&PostgresStore::new(pool), clients))
    }
}

/// tower-sessions-redis-store.
pub struct TowerRedisTasks<'a> {
    pub redis: &'a Redis,
}

impl TaskStore for TowerRedisTasks<'_> {
    type Client = Client<RedisStore<Pool>>;

    fn name(&self) -> &'static str {
        "tower-sessions-redis, tasks"
    }

    fn relation(&self) -> Option<Relation> {
        None
    }

    fn server_process(&self) -> u32 {
        self.redis.process()
    }

    async fn connect(&self, clients: u32) -> Result<Vec<Self::Client>> {
        let config = Config::from_url(self.redis.url())?;
        let pool = Pool::new(config, None, None, None, FRED_POOL_SIZE)?;
        // The task that drives the connections ends with the runtime.
        drop(pool.connect());
        pool.wait_for_connect().await?;
        Ok(Client::of(&RedisStore::new(pool), clients))
    }
}

/// One task.
pub struct Client<S> {
    store: S,
    kept: Vec<Record>,
}

impl<S: SessionStore + Clone> Client<S> {
    fn of(store: &S, clients: u32) -> Vec<Client<S>> {
        (0..clients)
            .map(|_| Client {
                store: store.clone(),
                kept: Vec::new(),
            })
            .collect()
    }

    async fn get(&self, id: &str) -> Result<Record> {
        live(self.store.load(&tower_id(id)?).await?)
    }
}

impl<S: SessionStore + Clone> TaskClient for Client<S> {
    async fn load(&mut self, id: &str) -> Result<()> {
        self.get(id).await?;
        Ok(())
    }

    /// Saves the whole record, as each response does after `with_always_save(true)`.
    async fn rolling(&mut self, id: &str) -> Result<()> {
        let mut record = self.get(id).await?;
        record.expiry_date = expiry();
        Ok(self.store.save(&record).await?)
    }

    async fn keep(&mut self, id: &str) -> Result<()> {
        let record = self.get(id).await?;
        self.kept.push(record);
        Ok(())
    }

    async fn save(&mut self, n: usize) -> Result<()> {
        let record = self.kept.get_mut(n).context("nothing is kept")?;
        change(record);
        record.expiry_date = expiry();
        Ok(self.store.save(record).await?)
    }
}
