//! connect-pg's asynchronous store.

use anyhow::{Result, bail};
use connect_pg::tokio::Store;
use connect_pg::{SaveOutcome, Session};

use super::store::{TaskClient, TaskStore};
use crate::measure::job::Job;
use crate::measure::payload::Payload;
use crate::server::postgres::{RUNTIME_ROLE, Relation, Server};
use crate::stores::connect_pg::data;
use crate::stores::store::live;

/// Connections of the pool: the default of the asynchronous store.
pub const POOL_SIZE: u32 = 8;

/// The asynchronous store on one pool.
pub struct ConnectPgTasks<'a> {
    pub server: &'a Server,
    pub relation: Relation,
    pub pool_size: u32,
    pub group_calls: bool,
}

impl ConnectPgTasks<'_> {
    pub const NAME: &'static str = "connect-pg, tasks";
    pub const NOT_GROUPED: &'static str = "connect-pg, tasks, not grouped";
}

impl TaskStore for ConnectPgTasks<'_> {
    type Client = Client;

    fn name(&self) -> &'static str {
        if self.group_calls {
            Self::NAME
        } else {
            Self::NOT_GROUPED
        }
    }

    fn prepare(&self, job: &Job) -> Result<()> {
        data::make_due(self.server, &self.relation.database, job)
    }

    fn relation(&self) -> Option<Relation> {
        Some(self.relation.clone())
    }

    fn server_process(&self) -> u32 {
        self.server.process()
    }

    async fn connect(&self, clients: u32) -> Result<Vec<Client>> {
        let store = Store::builder()
            .config(self.server.config(RUNTIME_ROLE, &self.relation.database))
            .pool_size(self.pool_size)
            .group_calls(self.group_calls)
            .connect()
            .await?;
        Ok((0..clients)
            .map(|_| Client {
                store: store.clone(),
                kept: Vec::new(),
            })
            .collect())
    }
}

/// One task.
pub struct Client {
    store: Store,
    kept: Vec<Session<Payload>>,
}

impl TaskClient for Client {
    async fn load(&mut self, id: &str) -> Result<()> {
        let _: Session<Payload> = live(self.store.peek(&id.parse()?).await?)?;
        Ok(())
    }

    async fn rolling(&mut self, id: &str) -> Result<()> {
        let _: Session<Payload> = live(self.store.load(&id.parse()?).await?)?;
        Ok(())
    }

    async fn keep(&mut self, id: &str) -> Result<()> {
        let session = live(self.store.peek(&id.parse()?).await?)?;
        self.kept.push(session);
        Ok(())
    }

    async fn save(&mut self, n: usize) -> Result<()> {
        let session = &mut self.kept[n];
        session.data.change();
        match self.store.save(session).await? {
            SaveOutcome::Saved => Ok(()),
            outcome => bail!("save returned {outcome:?}"),
        }
    }
}
