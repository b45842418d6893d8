//! Runs a store whose clients are threads of this program.

use std::sync::{Barrier, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};

use super::driver::{Driven, Driver};
use super::store::{ComparedStore, ThreadedStore};
use crate::measure::cpu::ServerCpu;
use crate::measure::job::Job;
use crate::measure::measured::{CpuTime, Measured};
use crate::measure::workload::Workload;
use crate::server::postgres::Relation;

/// More sessions a second than any store ends.
const MAX_ENDS: f64 = 10_000.0;

/// Makes a [`ComparedStore`] of a [`ThreadedStore`]. It remembers the created sessions for the workloads that end them.
pub struct Threads<S> {
    store: S,
    created: Mutex<Vec<String>>,
}

impl<S> Threads<S> {
    pub fn new(store: S) -> Threads<S> {
        Threads {
            store,
            created: Mutex::default(),
        }
    }

    fn created(&self) -> MutexGuard<'_, Vec<String>> {
        self.created.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: ThreadedStore> ComparedStore for Threads<S> {
    fn name(&self) -> &'static str {
        self.store.name()
    }

    fn supports(&self, workload: Workload) -> bool {
        self.store.supports(workload)
    }

    fn prepare(&self, job: &Job) -> Result<()> {
        if job.workload.consumes_created() {
            let wanted = job.seconds * MAX_ENDS;
            #[allow(clippy::cast_precision_loss)] // a count
            let have = || self.created().len() as f64;
            // Three times at most: a store that creates slowly also ends slowly.
            for _ in 0..3 {
                if have() < wanted {
                    self.run(&Job {
                        workload: Workload::Create,
                        ..job.clone()
                    })?;
                }
            }
        }
        self.store.prepare(job)
    }

    fn relation(&self) -> Option<Relation> {
        self.store.relation()
    }

    fn run(&self, job: &Job) -> Result<Measured> {
        let clients = self.store.connect(job.clients)?;
        let mut created = self.created();
        let mut shares: Vec<Vec<String>> = vec![Vec::new(); clients.len()];
        for (n, id) in created.drain(..).enumerate() {
            let place = n % shares.len();
            shares[place].push(id);
        }
        // The clients and this thread, which reads the server's processor time before the clients start and after they stop.
        let barrier = Barrier::new(clients.len() + 1);
        let process = self.store.server_process();
        let (results, server_cpu) = thread::scope(|scope| {
            let threads: Vec<_> = (0_u32..)
                .zip(clients)
                .zip(shares)
                .map(|((n, client), share)| {
                    let barrier = &barrier;
                    scope.spawn(move || -> Result<Driven> {
                        let driver = Driver::new(client, job, n, share);
                        // A client that failed waits too: the others wait for it.
                        barrier.wait();
                        let result = driver.and_then(|mut driver| Ok((driver.drive()?, driver)));
                        barrier.wait();
                        barrier.wait();
                        let (mut done, driver) = result?;
                        done.created = driver.into_created();
                        Ok(done)
                    })
                })
                .collect();
            barrier.wait();
            let cpu_before = ServerCpu::read(process);
            barrier.wait();
            let server_cpu = ServerCpu::read(process).since(&cpu_before);
            barrier.wait();
            let results: Vec<Result<Driven>> = threads
                .into_iter()
                .map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|_| Err(anyhow!("a client panicked")))
                })
                .collect();
            (results, server_cpu)
        });
        let driven: Vec<Driven> = results
            .into_iter()
            .collect::<Result<_>>()
            .with_context(|| format!("{} on {}", job.workload, self.name()))?;
        summarize(driven, server_cpu, &mut created)
    }
}

/// Adds up what the clients did.
pub(super) fn summarize(
    clients: Vec<Driven>,
    server_cpu: u64,
    created: &mut Vec<String>,
) -> Result<Measured> {
    let mut clients_cpu = 0;
    let mut all: Option<Measured> = None;
    let (mut first, mut last) = (None, None);
    for driven in clients {
        first = Some(first.map_or(driven.began, |first: Instant| first.min(driven.began)));
        last = Some(last.map_or(driven.ended, |last: Instant| last.max(driven.ended)));
        clients_cpu += driven.cpu;
        created.extend(driven.created);
        let calls = driven.latencies.len();
        match &mut all {
            None => {
                all = Some(Measured {
                    calls,
                    all_calls: driven.all_calls,
                    seconds: 0.0,
                    latencies: driven.latencies,
                    timeline: driven.timeline,
                    cpu: None,
                });
            }
            Some(all) => {
                all.calls += calls;
                all.all_calls += driven.all_calls;
                all.latencies.add(&driven.latencies)?;
                for (sum, interval) in all.timeline.iter_mut().zip(driven.timeline) {
                    sum.add(interval)?;
                }
            }
        }
    }
    let (Some(mut all), Some(first), Some(last)) = (all, first, last) else {
        return Err(anyhow!("no clients"));
    };
    all.seconds = last.duration_since(first).as_secs_f64();
    all.cpu = Some(CpuTime {
        clients: clients_cpu,
        server: server_cpu,
    });
    Ok(all)
}
