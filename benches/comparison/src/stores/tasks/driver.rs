//! Runs a store whose clients are tasks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::runtime::Builder;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::store::{TaskClient, TaskStore};
use crate::measure::cpu::{self, ServerCpu};
use crate::measure::histogram;
use crate::measure::job::{Job, WARM_UP_CALLS};
use crate::measure::measured::{CpuTime, Measured};
use crate::measure::workload::Workload;
use crate::server::postgres::Relation;
use crate::stores::choice::Choice;
use crate::stores::driver::Driven;
use crate::stores::store::ComparedStore;
use crate::stores::threads;

/// Makes a [`ComparedStore`] of a [`TaskStore`].
pub struct Tasks<S>(pub S);

impl<S: TaskStore> Tasks<S> {
    async fn measure(&self, job: &Job) -> Result<Measured> {
        let clients = self.0.connect(job.clients).await?;
        // The tasks and this one, which reads processor times before the tasks start and after they stop.
        let barrier = Arc::new(Barrier::new(clients.len() + 1));
        let mut tasks = JoinSet::new();
        for (number, client) in (0_u32..).zip(clients) {
            let (job, barrier) = (job.clone(), Arc::clone(&barrier));
            tasks.spawn(async move {
                let driver = TaskDriver::new(client, &job, number).await;
                // A task that failed waits too: the others wait for it.
                barrier.wait().await;
                let driven = match driver {
                    Ok(mut driver) => driver.drive().await,
                    Err(error) => Err(error),
                };
                barrier.wait().await;
                driven
            });
        }
        let process = self.0.server_process();
        barrier.wait().await;
        let server_before = ServerCpu::read(process);
        let clients_before = cpu::of_this_process();
        barrier.wait().await;
        let cpu = CpuTime {
            clients: cpu::of_this_process().saturating_sub(clients_before),
            server: ServerCpu::read(process).since(&server_before),
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

impl<S: TaskStore> ComparedStore for Tasks<S> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn supports(&self, workload: Workload) -> bool {
        self.0.supports(workload)
    }

    fn prepare(&self, job: &Job) -> Result<()> {
        self.0.prepare(job)
    }

    fn run(&self, job: &Job) -> Result<Measured> {
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        runtime
            .block_on(self.measure(job))
            .with_context(|| format!("{} on {}", job.workload, self.name()))
    }

    fn relation(&self) -> Option<Relation> {
        self.0.relation()
    }
}

/// Drives one client through a job.
struct TaskDriver<C> {
    client: C,
    choice: Choice,
    kept: usize,
    calls: u64,
}

impl<C: TaskClient> TaskDriver<C> {
    /// Creates the driver of client `number`, and makes the calls of the warm-up.
    async fn new(client: C, job: &Job, number: u32) -> Result<TaskDriver<C>> {
        let mut driver = TaskDriver {
            client,
            choice: Choice::new(job, number)?,
            kept: 0,
            calls: 0,
        };
        if job.workload == Workload::Save {
            for id in driver.choice.kept_sessions()? {
                driver.client.keep(&id).await?;
                driver.kept += 1;
            }
        }
        for _ in 0..WARM_UP_CALLS {
            driver.step().await?;
        }
        Ok(driver)
    }

    /// Makes calls until the job's time is over, and measures them.
    async fn drive(&mut self) -> Result<Driven> {
        let mut latencies = histogram::new()?;
        let began = Instant::now();
        let deadline = began + Duration::from_secs_f64(self.choice.job().seconds);
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
        match self.choice.job().workload {
            Workload::Load => {
                let id = self.choice.any_session();
                self.client.load(&id).await?;
            }
            Workload::Rolling => {
                let id = self
                    .choice
                    .rolling_session()
                    .context("every session is used up")?;
                self.client.rolling(&id).await?;
            }
            Workload::Save => {
                let n = usize::try_from(self.calls)? % self.kept;
                self.client.save(n).await?;
            }
            other => bail!("tasks do not run {other}"),
        }
        self.calls += 1;
        Ok(())
    }
}
