//! connect-pg's asynchronous store, whose clients are tasks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use connect_pg::tokio::Store;
use connect_pg::{SaveOutcome, Session};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::runtime::Builder;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::shared_pool::POOL_SIZE;
use crate::measure::cpu::{self, ServerCpu};
use crate::measure::histogram;
use crate::measure::job::{Job, WARM_UP_CALLS};
use crate::measure::measured::{CpuTime, Measured};
use crate::measure::payload::Payload;
use crate::measure::workload::Workload;
use crate::server::postgres::{RUNTIME_ROLE, Relation, Server};
use crate::stores::driver::{Driven, kept_sessions};
use crate::stores::store::{ComparedStore, live};
use crate::stores::threads;

/// The asynchronous store on one pool.
pub struct Tasks<'a> {
    server: &'a Server,
    relation: Relation,
}

impl<'a> Tasks<'a> {
    pub fn new(server: &'a Server, relation: Relation) -> Tasks<'a> {
        Tasks { server, relation }
    }

    async fn measure(&self, job: &Job) -> Result<Measured> {
        let store = Store::builder()
            .config(self.server.config(RUNTIME_ROLE, &self.relation.database))
            .pool_size(POOL_SIZE)
            .connect()
            .await?;
        // The tasks and this one, which reads processor times before the tasks start and after they stop.
        let barrier = Arc::new(Barrier::new(usize::try_from(job.clients)? + 1));
        let mut tasks = JoinSet::new();
        for number in 0..job.clients {
            let (store, job, barrier) = (store.clone(), job.clone(), Arc::clone(&barrier));
            tasks.spawn(async move {
                let client = TaskClient::new(store, job, number).await;
                // A task that failed waits too: the others wait for it.
                barrier.wait().await;
                let driven = match client {
                    Ok(mut client) => client.drive().await,
                    Err(error) => Err(error),
                };
                barrier.wait().await;
                driven
            });
        }
        barrier.wait().await;
        let server_before = ServerCpu::read(self.server.process());
        let clients_before = cpu::of_this_process();
        barrier.wait().await;
        let cpu = CpuTime {
            clients: cpu::of_this_process().saturating_sub(clients_before),
            server: ServerCpu::read(self.server.process()).since(&server_before),
        };
        let mut driven = Vec::new();
        while let Some(task) = tasks.join_next().await {
            driven.push(task??);
        }
        let mut measured = threads::summarize(driven, cpu.server, &mut Vec::new())?;
        measured.cpu = Some(cpu);
        Ok(measured)
    }
}

impl ComparedStore for Tasks<'_> {
    fn name(&self) -> &'static str {
        "connect-pg, tasks"
    }

    fn supports(&self, workload: Workload) -> bool {
        matches!(workload, Workload::Load | Workload::Save)
    }

    fn run(&self, job: &Job) -> Result<Measured> {
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.measure(job))
    }

    fn relation(&self) -> Option<Relation> {
        Some(self.relation.clone())
    }
}

/// One task.
struct TaskClient {
    store: Store,
    job: Job,
    random: SmallRng,
    kept: Vec<Session<Payload>>,
    calls: u64,
}

impl TaskClient {
    /// Creates the client of task `number`, and makes the calls of the warm-up.
    async fn new(store: Store, job: Job, number: u32) -> Result<TaskClient> {
        let mut random = SmallRng::seed_from_u64(job.seed ^ (u64::from(number) << 32));
        let mut kept = Vec::new();
        if job.workload == Workload::Save {
            for session in kept_sessions(&job, number, &mut random)? {
                let session = store.peek(&job.id(session).parse()?).await?;
                kept.push(live(session)?);
            }
        }
        let mut client = TaskClient {
            store,
            job,
            random,
            kept,
            calls: 0,
        };
        for _ in 0..WARM_UP_CALLS {
            client.step().await?;
        }
        Ok(client)
    }

    /// Makes calls until the job's time is over, and measures them.
    async fn drive(&mut self) -> Result<Driven> {
        let mut latencies = histogram::new()?;
        let began = Instant::now();
        let deadline = began + Duration::from_secs_f64(self.job.seconds);
        let mut ended = began;
        while ended < deadline {
            let start = Instant::now();
            self.step().await?;
            ended = Instant::now();
            let nanoseconds = u64::try_from(ended.duration_since(start).as_nanos())?.max(1);
            latencies.saturating_record(nanoseconds);
        }
        Ok(Driven {
            began,
            ended,
            all_calls: self.calls,
            latencies,
            timeline: Vec::new(),
            cpu: 0,
            created: Vec::new(),
        })
    }

    async fn step(&mut self) -> Result<()> {
        if self.job.workload == Workload::Save {
            let n = usize::try_from(self.calls)? % self.kept.len();
            let session = &mut self.kept[n];
            session.data.change();
            match self.store.save(session).await? {
                SaveOutcome::Saved => {}
                outcome => bail!("save returned {outcome:?}"),
            }
        } else {
            let session = self.random.random_range(0..self.job.sessions);
            let id = self.job.id(session).parse()?;
            let _: Session<Payload> = live(self.store.peek(&id).await?)?;
        }
        self.calls += 1;
        Ok(())
    }
}
