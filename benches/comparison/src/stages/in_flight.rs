//! More requests in flight than connections, as web servers have them.

use anyhow::Result;

use super::bench::Bench;
use super::comparison::{Comparison, compare};
use crate::measure::workload::Workload;
use crate::server::postgres::Relation;
use crate::stores::connect_pg::shared_pool::SharedPool;
use crate::stores::connect_pg::tasks::Tasks;
use crate::stores::redis::{self, RedisStore, Sending};
use crate::stores::store::ComparedStore;
use crate::stores::threads::Threads;

/// Compares loads and saves by threads and by tasks on a small pool, beside Redis with a connection for each thread.
pub fn measure(
    bench: &Bench<'_>,
    table: &Relation,
    sessions: u32,
    bytes: usize,
) -> Result<Vec<Comparison>> {
    let (plan, server) = (bench.plan, &bench.server);
    let mut stores: Vec<Box<dyn ComparedStore + '_>> = vec![
        Box::new(Threads::new(SharedPool::new(server, table.clone(), true))),
        Box::new(Threads::new(SharedPool::new(server, table.clone(), false))),
        Box::new(Tasks::new(server, table.clone())),
    ];
    for redis in [&bench.redis, &bench.redis_every_second]
        .into_iter()
        .flatten()
    {
        redis::fill(redis, sessions, bytes)?;
        stores.push(Box::new(Threads::new(RedisStore::new(
            redis,
            Sending::OneByOne,
        ))));
    }
    let stores: Vec<&dyn ComparedStore> = stores.iter().map(AsRef::as_ref).collect();
    let mut comparisons = Vec::new();
    for workload in [Workload::Load, Workload::Save] {
        for &in_flight in &plan.in_flight {
            bench.progress(&format!("{workload}, {in_flight} requests in flight"));
            let job = plan.job(workload, sessions, bytes, in_flight, 0);
            comparisons.push(compare(server, &stores, &job, plan.rounds)?);
        }
    }
    Ok(comparisons)
}
