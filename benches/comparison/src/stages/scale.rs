//! Loads from a large store against loads from a small one.

use anyhow::{Context, Result};

use super::bench::Bench;
use super::comparison::{Ratio, compare};
use crate::measure::job::Job;
use crate::measure::measured::Measured;
use crate::measure::number::grouped;
use crate::measure::workload::Workload;
use crate::plan::FEW_SESSIONS;
use crate::server::postgres::Relation;
use crate::stores::connect_pg::data::{self, Age};
use crate::stores::connect_pg::pool::ConnectPg;
use crate::stores::store::ComparedStore;
use crate::stores::table_store::TableStore;
use crate::stores::threads::Threads;

/// Compares loads from a filled table with loads from a small one.
pub fn measure(bench: &Bench<'_>, large: &Relation, sessions: u32, bytes: usize) -> Result<Ratio> {
    let server = &bench.server;
    bench.progress(&format!(
        "load at {} sessions and at {}",
        grouped(sessions),
        grouped(FEW_SESSIONS)
    ));
    let small = data::fill(server, "connect_pg_few", FEW_SESSIONS, bytes, Age::Live)?;
    let many = Sized {
        name: "many",
        sessions,
        store: Threads::new(TableStore::<ConnectPg>::new(server, large.clone())),
    };
    let few = Sized {
        name: "few",
        sessions: FEW_SESSIONS,
        store: Threads::new(TableStore::<ConnectPg>::new(server, small.clone())),
    };
    let job = bench.plan.load_job(sessions, bytes);
    let comparison = compare(server, &[&many, &few], &job, bench.plan.rounds)?;
    server.drop_database(&small.database)?;
    comparison.ratio("many", "few").context("no rounds")
}

/// A store with a name and a number of sessions of its own.
struct Sized<S> {
    name: &'static str,
    sessions: u32,
    store: S,
}

impl<S> Sized<S> {
    fn job(&self, job: &Job) -> Job {
        Job {
            sessions: self.sessions,
            ..job.clone()
        }
    }
}

impl<S: ComparedStore> ComparedStore for Sized<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn supports(&self, workload: Workload) -> bool {
        self.store.supports(workload)
    }

    fn prepare(&self, job: &Job) -> Result<()> {
        self.store.prepare(&self.job(job))
    }

    fn run(&self, job: &Job) -> Result<Measured> {
        self.store.run(&self.job(job))
    }

    fn relation(&self) -> Option<Relation> {
        self.store.relation()
    }
}
