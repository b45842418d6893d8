//! More requests in flight than connections, as web servers have them.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::bench::Bench;
use super::comparison::{Ratio, StoreResult, take_turns};
use crate::measure::job::Job;
use crate::measure::number::grouped;
use crate::measure::workload::Workload;
use crate::plan::InFlightPlan;
use crate::server::postgres::Relation;
use crate::server::redis::{Durability, Redis};
use crate::server::transport::Transport;
use crate::stores::connect_pg::data;
use crate::stores::connect_pg::shared_pool::{self, SharedPool};
use crate::stores::kind::StoreKind;
use crate::stores::redis::{
    self, REDIS_THREADS, REDIS_THREADS_ALWAYS, REDIS_THREADS_EVERY_SECOND, RedisStore, Sending,
};
use crate::stores::store::ComparedStore;
use crate::stores::tasks::connect_pg::{self as connect_pg_tasks, ConnectPgTasks};
use crate::stores::tasks::driver::Tasks;
use crate::stores::tasks::redis::RedisTasks;
use crate::stores::tasks::tower_sessions::{
    FRED_POOL_SIZE, SQLX_POOL_SIZE, SqlxTasks, TowerRedisTasks,
};
use crate::stores::threads::Threads;
use crate::stores::tower_sessions;

/// The workloads that are measured.
pub const WORKLOADS: [Workload; 3] = [Workload::Load, Workload::Rolling, Workload::Save];
/// Seconds of each store in each round, so that all budgets fit into four minutes.
const QUICK_SECONDS: f64 = 0.4;
/// More threads than these are no way to serve requests.
const MAX_THREADS: u32 = 64;

/// The stores by requests in flight.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InFlight {
    pub sessions: u32,
    pub bytes: usize,
    pub rounds: u32,
    pub seconds: f64,
    pub cells: Vec<Cell>,
}

/// One store with so many requests in flight.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cell {
    pub workload: Workload,
    pub in_flight: u32,
    /// How many connections to the server: "4", "1 a thread".
    pub connections: String,
    pub result: StoreResult,
}

impl InFlight {
    /// Returns the first cell of a store.
    pub fn cell(&self, workload: Workload, store: &str, in_flight: u32) -> Option<&Cell> {
        self.cells.iter().find(|cell| {
            cell.workload == workload && cell.in_flight == in_flight && cell.result.store == store
        })
    }

    /// Returns what a store does divided by what another does, each with its number of requests in flight.
    pub fn ratio(
        &self,
        workload: Workload,
        (a, a_in_flight): (&str, u32),
        (b, b_in_flight): (&str, u32),
    ) -> Option<Ratio> {
        let a = self.cell(workload, a, a_in_flight)?;
        let b = self.cell(workload, b, b_in_flight)?;
        Some(Ratio::of(&a.result, &b.result))
    }
}

impl Cell {
    /// Returns the store and its connections, which a picture shows as one line.
    pub fn line(&self) -> (&str, &str) {
        (&self.result.store, &self.connections)
    }
}

/// A store and how its clients connect.
struct Line<'a> {
    name: &'static str,
    store: Box<dyn ComparedStore + 'a>,
    connections: String,
    max_in_flight: u32,
}

/// The servers and tables beside connect-pg's table.
struct Others {
    redis: Option<Redis>,
    redis_every_second: Option<Redis>,
    redis_always: Option<Redis>,
    redis_of_tower: Option<Redis>,
    tower: Option<Relation>,
}

/// Measures loads, rolling requests and saves by threads and tasks.
pub fn measure(
    bench: &Bench<'_>,
    table: &Relation,
    sessions: u32,
    bytes: usize,
) -> Result<Option<InFlight>> {
    let (plan, server) = (bench.plan, &bench.server);
    let Some(in_flight) = &plan.in_flight else {
        return Ok(None);
    };
    let slide_interval_seconds = data::slide_interval_seconds(server, &table.database)?;
    let others = start(bench, in_flight, sessions, bytes)?;
    let lines = lines(bench, table, in_flight, &others);
    let mut measured = InFlight {
        sessions,
        bytes,
        rounds: plan.rounds,
        seconds: if plan.quick {
            plan.seconds.min(QUICK_SECONDS)
        } else {
            plan.seconds
        },
        cells: Vec::new(),
    };
    for workload in WORKLOADS {
        if !plan.workloads.contains(&workload) {
            continue;
        }
        bench.progress(&format!("{workload} by requests in flight"));
        let mut runs: Vec<(&Line<'_>, Job)> = Vec::new();
        for &count in &in_flight.counts {
            let job = Job {
                seconds: measured.seconds,
                ..plan.job(workload, sessions, bytes, count, slide_interval_seconds)
            };
            for line in &lines {
                let is_measured = count <= line.max_in_flight
                    && line.store.supports(workload)
                    // With its log on disk, Redis is of interest for what it writes.
                    && (workload == Workload::Save || line.name != REDIS_THREADS_EVERY_SECOND)
                    && in_flight.includes(workload, line.name, count);
                if is_measured {
                    runs.push((line, job.clone()));
                }
            }
        }
        let stores: Vec<(&dyn ComparedStore, Job)> = runs
            .iter()
            .map(|(line, job)| (line.store.as_ref(), job.clone()))
            .collect();
        let results = take_turns(server, &stores, plan.rounds)?;
        let cells = runs.iter().zip(results).map(|((line, job), result)| Cell {
            workload,
            in_flight: job.clients,
            connections: line.connections.clone(),
            result: StoreResult {
                store: line.name.to_owned(),
                ..result
            },
        });
        measured.cells.extend(cells);
    }
    drop(lines);
    if let Some(tower) = &others.tower {
        server.drop_database(&tower.database)?;
    }
    Ok(Some(measured))
}

/// Starts and fills what the plan needs.
fn start(
    bench: &Bench<'_>,
    in_flight: &InFlightPlan,
    sessions: u32,
    bytes: usize,
) -> Result<Others> {
    let (plan, server) = (bench.plan, &bench.server);
    let with_others = in_flight.pool_sizes.is_empty();
    let filled = |durability| -> Result<Option<Redis>> {
        if bench.redis.is_none() || !with_others {
            return Ok(None);
        }
        let redis = Redis::start(plan.transport, durability)?;
        redis::fill(&redis, sessions, bytes)?;
        Ok(Some(redis))
    };
    bench.progress(&format!(
        "fill the stores by requests in flight: {} sessions of {bytes} bytes",
        grouped(sessions)
    ));
    let with_tower = with_others && plan.includes(StoreKind::TowerSessions);
    let with_tower_redis =
        with_tower && bench.redis.is_some() && plan.transport == Transport::Tcp && !plan.quick;
    let others = Others {
        redis: filled(Durability::None)?,
        redis_every_second: filled(Durability::EverySecond)?,
        redis_always: filled(Durability::Always)?,
        redis_of_tower: if with_tower_redis {
            Some(Redis::start(plan.transport, Durability::None)?)
        } else {
            None
        },
        tower: if with_tower {
            Some(tower_sessions::fill(
                server,
                "tower_sessions_in_flight",
                sessions,
                bytes,
            )?)
        } else {
            None
        },
    };
    if let Some(redis) = &others.redis_of_tower {
        redis::fill_tower(redis, sessions, bytes)?;
    }
    Ok(others)
}

/// Returns the name of a store whose clients are threads, where tasks are shown beside it.
fn name_in_flight(name: &'static str) -> &'static str {
    match name {
        RedisStore::NAME => REDIS_THREADS,
        "Redis, pipelined" => "Redis, threads, pipelined",
        "Redis, GETEX" => "Redis, threads, GETEX",
        "Redis, fsync 1/s" => REDIS_THREADS_EVERY_SECOND,
        "Redis, fsync always" => REDIS_THREADS_ALWAYS,
        other => other,
    }
}

fn lines<'a>(
    bench: &'a Bench<'_>,
    table: &Relation,
    in_flight: &InFlightPlan,
    others: &'a Others,
) -> Vec<Line<'a>> {
    let server = &bench.server;
    let mut lines = Vec::new();
    let mut add = |store: Box<dyn ComparedStore + 'a>, connections: String, max_in_flight| {
        lines.push(Line {
            name: name_in_flight(store.name()),
            store,
            connections,
            max_in_flight,
        });
    };
    let sizes = |default: u32| {
        if in_flight.pool_sizes.is_empty() {
            vec![default]
        } else {
            in_flight.pool_sizes.clone()
        }
    };
    let groupings: &[bool] = if in_flight.pool_sizes.is_empty() {
        &[true, false]
    } else {
        &[true]
    };
    for &group_calls in groupings {
        for pool_size in sizes(connect_pg_tasks::POOL_SIZE) {
            let store = Tasks(ConnectPgTasks {
                server,
                relation: table.clone(),
                pool_size,
                group_calls,
            });
            add(Box::new(store), pool_size.to_string(), u32::MAX);
        }
        for pool_size in sizes(shared_pool::POOL_SIZE) {
            let store = Threads::new(SharedPool {
                server,
                relation: table.clone(),
                pool_size,
                group_calls,
            });
            add(Box::new(store), pool_size.to_string(), MAX_THREADS);
        }
    }
    for redis in [
        &others.redis,
        &others.redis_every_second,
        &others.redis_always,
    ]
    .into_iter()
    .flatten()
    {
        for sending in [Sending::OneByOne, Sending::Pipelined, Sending::GetEx] {
            if redis.durability() != Durability::None && sending != Sending::OneByOne {
                continue;
            }
            let tasks = Tasks(RedisTasks { redis, sending });
            add(Box::new(tasks), "1 shared".to_owned(), u32::MAX);
            let threads = Threads::new(RedisStore::new(redis, sending));
            add(Box::new(threads), "1 a thread".to_owned(), MAX_THREADS);
        }
    }
    if let Some(relation) = &others.tower {
        let store = Tasks(SqlxTasks {
            server,
            relation: relation.clone(),
        });
        add(Box::new(store), SQLX_POOL_SIZE.to_string(), u32::MAX);
    }
    if let Some(redis) = &others.redis_of_tower {
        let store = Tasks(TowerRedisTasks { redis });
        add(
            Box::new(store),
            format!("{FRED_POOL_SIZE} shared"),
            u32::MAX,
        );
    }
    lines
}
