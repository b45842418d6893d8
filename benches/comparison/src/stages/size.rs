//! All stores at one size.

use anyhow::Result;

use super::bench::Bench;
use super::comparison::{Comparison, compare};
use crate::measure::number::grouped;
use crate::measure::workload::Workload;
use crate::plan::{BUDGET_CLIENTS, budget_needs};
use crate::server::postgres::Relation;
use crate::storage::DiskUsage;
use crate::stores::bare_postgres::BarePostgres;
use crate::stores::connect_pg::borrowed::ConnectPgBorrowed;
use crate::stores::connect_pg::data::{self, Age};
use crate::stores::connect_pg::pool::ConnectPg;
use crate::stores::connect_pg_simple::{self, ConnectPgSimple};
use crate::stores::hand_written::{self, HandWritten};
use crate::stores::hand_written_users::{self, HandWrittenUsers};
use crate::stores::kind::StoreKind;
use crate::stores::redis::{self, RedisStore, Sending};
use crate::stores::store::ComparedStore;
use crate::stores::table_store::{TableClient, TableStore};
use crate::stores::threads::Threads;
use crate::stores::tower_sessions::{self, TowerSessions};

/// What was measured at one size.
pub struct SizeResult {
    pub disk_usage: Vec<DiskUsage>,
    pub comparisons: Vec<Comparison>,
    /// The table of connect-pg, which the caller drops.
    pub table: Relation,
}

/// The filled stores. The stores that share the table of connect-pg come first.
struct Filled<'a> {
    stores: Vec<Box<dyn ComparedStore + 'a>>,
    /// How many stores share the table of connect-pg.
    sharing: usize,
    /// The databases of the other stores.
    databases: Vec<String>,
}

/// Fills the stores and compares them.
///
/// `all_workloads` is false for a further size of data: then only load, rolling and save are measured, at the clients of the
/// budgets.
pub fn measure(
    bench: &Bench<'_>,
    sessions: u32,
    bytes: usize,
    all_workloads: bool,
) -> Result<SizeResult> {
    let (plan, server) = (bench.plan, &bench.server);
    let name = database(bench, "connect-pg", sessions, bytes);
    let table = data::fill(server, &name, sessions, bytes, Age::Live)?;
    let slide_interval_seconds = data::slide_interval_seconds(server, &table.database)?;
    let Filled {
        stores,
        sharing,
        databases,
    } = fill(bench, &table, sessions, bytes, all_workloads)?;

    let mut disk_usage = Vec::new();
    for (n, store) in stores.iter().enumerate() {
        if (1..sharing).contains(&n) {
            continue;
        }
        if let Some(relation) = store.relation() {
            let (table, indexes) = server.sizes(&relation)?;
            disk_usage.push(DiskUsage {
                store: store.name().to_owned(),
                sessions,
                bytes,
                table,
                indexes,
            });
        }
    }

    let mut comparisons = Vec::new();
    for &clients in &plan.clients {
        if !all_workloads && clients != BUDGET_CLIENTS {
            continue;
        }
        for &workload in &plan.workloads {
            let is_short = matches!(
                workload,
                Workload::Load | Workload::Rolling | Workload::Save
            );
            if !all_workloads && !is_short {
                continue;
            }
            bench.progress(&format!("{workload}, {clients} clients"));
            let compared: Vec<&dyn ComparedStore> = stores
                .iter()
                .map(AsRef::as_ref)
                .filter(|store| !plan.quick || budget_needs(workload, store.name()))
                .collect();
            let job = plan.job(workload, sessions, bytes, clients, slide_interval_seconds);
            comparisons.push(compare(server, &compared, &job, plan.rounds)?);
        }
    }
    drop(stores);
    for database in databases {
        server.drop_database(&database)?;
    }
    Ok(SizeResult {
        disk_usage,
        comparisons,
        table,
    })
}

/// Announces the fill of a store, and returns the name of its database.
fn database(bench: &Bench<'_>, store: &str, sessions: u32, bytes: usize) -> String {
    bench.progress(&format!(
        "fill {store}: {} sessions of {bytes} bytes",
        grouped(sessions)
    ));
    format!("{}_{sessions}_{bytes}", store.replace('-', "_"))
}

/// Fills the stores of the plan beside connect-pg's table.
fn fill<'a>(
    bench: &'a Bench<'_>,
    table: &Relation,
    sessions: u32,
    bytes: usize,
    all_workloads: bool,
) -> Result<Filled<'a>> {
    let (plan, server) = (bench.plan, &bench.server);
    let database = |store| database(bench, store, sessions, bytes);
    let mut stores: Vec<Box<dyn ComparedStore + 'a>> =
        vec![Box::new(Threads::new(TableStore::<ConnectPg>::new(
            server,
            table.clone(),
        )))];
    if plan.includes(StoreKind::ConnectPgBorrowed) && !plan.quick {
        let store = TableStore::<ConnectPgBorrowed>::new(server, table.clone());
        stores.push(Box::new(Threads::new(store)));
    }
    if plan.includes(StoreKind::BarePostgres) {
        let store = TableStore::<BarePostgres>::new(server, table.clone());
        stores.push(Box::new(Threads::new(store)));
    }
    let sharing = stores.len();
    let mut databases = Vec::new();
    if plan.includes(StoreKind::HandWritten) {
        let relation = hand_written::fill(server, &database("hand-written"), sessions, bytes)?;
        databases.push(relation.database.clone());
        stores.push(Box::new(Threads::new(TableStore::<HandWritten>::new(
            server, relation,
        ))));
        let needs_users = plan
            .workloads
            .iter()
            .any(|&w| HandWrittenUsers::supports(w));
        if all_workloads && needs_users {
            let name = database("hand-written-users");
            let relation = hand_written_users::fill(server, &name, sessions, bytes)?;
            databases.push(relation.database.clone());
            let store = TableStore::<HandWrittenUsers>::new(server, relation);
            stores.push(Box::new(Threads::new(store)));
        }
    }
    if plan.includes(StoreKind::TowerSessions) {
        let relation = tower_sessions::fill(server, &database("tower-sessions"), sessions, bytes)?;
        databases.push(relation.database.clone());
        stores.push(Box::new(Threads::new(TableStore::<TowerSessions>::new(
            server, relation,
        ))));
    }
    if let Some(npm) = &bench.npm
        && plan.includes(StoreKind::ConnectPgSimple)
    {
        let name = database("connect-pg-simple");
        let relation = connect_pg_simple::fill(server, &name, npm, sessions, bytes)?;
        databases.push(relation.database.clone());
        stores.push(Box::new(ConnectPgSimple::new(server, npm, relation)?));
    }
    for (redis, sendings) in [
        (
            &bench.redis,
            [Sending::OneByOne, Sending::Pipelined].as_slice(),
        ),
        (&bench.redis_every_second, &[Sending::OneByOne]),
    ] {
        let Some(redis) = redis else { continue };
        database("redis");
        redis::fill(redis, sessions, bytes)?;
        for &sending in sendings {
            stores.push(Box::new(Threads::new(RedisStore::new(redis, sending))));
        }
    }
    Ok(Filled {
        stores,
        sharing,
        databases,
    })
}
