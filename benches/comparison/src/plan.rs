//! What will be measured: the command line with its defaults.

use std::time::Duration;

use crate::arguments::Arguments;
use crate::measure::job::Job;
use crate::measure::number::grouped;
use crate::measure::workload::Workload;
use crate::server::transport::Transport;
use crate::stores::bare_postgres::BarePostgres;
use crate::stores::connect_pg::pool::ConnectPg;
use crate::stores::connect_pg::shared_pool::SharedPool;
use crate::stores::connect_pg_simple::ConnectPgSimple;
use crate::stores::hand_written::HandWritten;
use crate::stores::hand_written_users::HandWrittenUsers;
use crate::stores::kind::StoreKind;
use crate::stores::redis::{
    REDIS_THREADS, REDIS_THREADS_ALWAYS, REDIS_THREADS_EVERY_SECOND, RedisStore,
};
use crate::stores::table_store::TableClient;
use crate::stores::tasks::connect_pg::ConnectPgTasks;
use crate::stores::tasks::redis::RedisTasks;
use crate::stores::tasks::tower_sessions::SqlxTasks;
use crate::stores::tower_sessions::TowerSessions;

/// Clients at which the budgets are measured.
pub const BUDGET_CLIENTS: u32 = 4;
/// Sessions at which most budgets are measured.
pub const BUDGET_SESSIONS: u32 = 1_000_000;
/// Sessions at which connect-pg 1.1.5 is measured.
pub const CONNECT_PG_1_1_5_SESSIONS: u32 = 100_000;
/// The two sizes whose loads are compared.
pub const FEW_SESSIONS: u32 = 10_000;
pub const MANY_SESSIONS: u32 = 10_000_000;

const QUICK_SESSIONS: u32 = 100_000;
const QUICK_PRUNING: u32 = 100_000;

/// What will be measured.
pub struct Plan {
    pub quick: bool,
    pub sizes: Vec<u32>,
    pub bytes: Vec<usize>,
    pub clients: Vec<u32>,
    /// Requests in flight; None if they are not measured.
    pub in_flight: Option<InFlightPlan>,
    /// Measure nothing else.
    pub only_in_flight: bool,
    pub workloads: Vec<Workload>,
    stores: Vec<StoreKind>,
    pub rounds: u32,
    pub seconds: f64,
    /// Live sessions among which as many expired ones are pruned.
    pub pruning: u32,
    pub transport: Transport,
}

/// Which stores are measured with how many requests in flight.
pub struct InFlightPlan {
    pub counts: Vec<u32>,
    /// Pools of connect-pg; empty = the default, beside the other stores.
    pub pool_sizes: Vec<u32>,
    only_budgets: bool,
}

impl InFlightPlan {
    fn from_arguments(arguments: &Arguments) -> Option<InFlightPlan> {
        let Arguments {
            in_flight, quick, ..
        } = arguments;
        let is_restricted = !arguments.stores.is_empty() || !arguments.workloads.is_empty();
        if in_flight.contains(&0) || (in_flight.is_empty() && *quick && is_restricted) {
            return None;
        }
        Some(InFlightPlan {
            counts: if in_flight.is_empty() {
                vec![4, 16, 64, 256]
            } else {
                in_flight.clone()
            },
            pool_sizes: arguments.pool_sizes.clone(),
            only_budgets: in_flight.is_empty() && *quick,
        })
    }

    /// Returns true if a store is measured with so many requests in flight.
    pub fn includes(&self, workload: Workload, store: &str, in_flight: u32) -> bool {
        !self.only_budgets || in_flight_budget_needs(workload, store, in_flight)
    }
}

impl Plan {
    /// Adds the defaults to the command line.
    pub fn from_arguments(arguments: &Arguments) -> Plan {
        let quick = arguments.quick;
        let sizes: &[u32] = if !arguments.sessions.is_empty() {
            &arguments.sessions
        } else if quick {
            &[QUICK_SESSIONS]
        } else {
            &[10_000, 1_000_000]
        };
        Plan {
            quick,
            sizes: sizes.to_vec(),
            bytes: if quick {
                vec![arguments.bytes[0]]
            } else {
                arguments.bytes.clone()
            },
            clients: if quick {
                vec![BUDGET_CLIENTS]
            } else {
                arguments.clients.clone()
            },
            in_flight: InFlightPlan::from_arguments(arguments),
            only_in_flight: arguments.only_in_flight,
            workloads: workloads(arguments),
            stores: arguments.stores.clone(),
            rounds: arguments.rounds.unwrap_or(5),
            seconds: arguments.seconds.unwrap_or(if quick { 0.6 } else { 2.0 }),
            pruning: arguments
                .pruning
                .unwrap_or(if quick { QUICK_PRUNING } else { 1_000_000 }),
            transport: arguments.transport,
        }
    }

    /// Returns true if a store is to be measured.
    pub fn includes(&self, store: StoreKind) -> bool {
        self.stores.is_empty() || self.stores.contains(&store)
    }

    /// Returns the job of a workload.
    pub fn job(
        &self,
        workload: Workload,
        sessions: u32,
        bytes: usize,
        clients: u32,
        slide_interval_seconds: u32,
    ) -> Job {
        Job {
            workload,
            clients,
            seconds: self.seconds,
            sessions,
            bytes,
            seed: 0,
            requests_per_slide: workload.requests_per_slide(slide_interval_seconds),
            odd_only: false,
            until: None,
        }
    }

    /// Returns the job of loads by as many clients as the budgets are about.
    pub fn load_job(&self, sessions: u32, bytes: usize) -> Job {
        self.job(Workload::Load, sessions, bytes, BUDGET_CLIENTS, 0)
    }

    /// Returns how long the clients are measured before pruning starts, and the interval of their latencies.
    pub fn pruning_times(&self) -> (Duration, Duration) {
        let (calm, interval) = if self.quick { (4, 250) } else { (20, 500) };
        (Duration::from_secs(calm), Duration::from_millis(interval))
    }

    /// Explains the tables.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = vec![
            "The stores take turns, round after round. calls/s is the median of the rounds. A ratio is the median of the rounds' \
             ratios, with the smallest and the largest. Autovacuum is off during comparisons, and on while pruning is measured."
                .to_owned(),
            "rolling: each session is used once a second, so one request in slide_interval_seconds finds its slide due. These \
             sessions are made due before each round. rolling-20s: once in 20 seconds. rolling-seldom: every request slides."
                .to_owned(),
            "create: hand-written SQL, users inserts into a table with an indexed user; the plain table gets an upsert.".to_owned(),
            "login: connect-pg loads a visitor's session, then gives it a new id and a user. hand-written: SELECT, and one UPDATE \
             of the primary key and the user. The other stores have no users: load, delete, create. user-sessions: a user has five."
                .to_owned(),
        ];
        if self.quick {
            let sizes: Vec<String> = self.sizes.iter().map(|&size| grouped(size)).collect();
            notes.push(format!(
                "Quick: the budgets are defined for {} sessions, and for {} where sizes are compared. This run has {} \
                 (pruning: {} live, as many expired).",
                grouped(BUDGET_SESSIONS),
                grouped(MANY_SESSIONS),
                sizes.join(" and "),
                grouped(self.pruning),
            ));
        }
        notes
    }
}

fn workloads(arguments: &Arguments) -> Vec<Workload> {
    if !arguments.workloads.is_empty() {
        let is_wanted = |workload: &Workload| arguments.workloads.contains(workload);
        Workload::ALL.into_iter().filter(is_wanted).collect()
    } else if arguments.quick {
        vec![
            Workload::Load,
            Workload::Rolling,
            Workload::RollingSeldom,
            Workload::Save,
            Workload::Create,
            Workload::Login,
        ]
    } else {
        Workload::ALL.to_vec()
    }
}

/// Returns true if a budget compares the store with connect-pg in this workload.
pub fn budget_needs(workload: Workload, store: &str) -> bool {
    store == ConnectPg::NAME
        || match workload {
            Workload::Load => [HandWritten::NAME, BarePostgres::NAME].contains(&store),
            Workload::Rolling => [
                HandWritten::NAME,
                TowerSessions::NAME,
                ConnectPgSimple::NAME,
                RedisStore::NAME,
            ]
            .contains(&store),
            Workload::Save => store == HandWritten::NAME,
            Workload::Create | Workload::Login => store == HandWrittenUsers::NAME,
            _ => false,
        }
}

/// Returns true if a budget is about the store with so many requests in flight.
fn in_flight_budget_needs(workload: Workload, store: &str, in_flight: u32) -> bool {
    let needs: &[(&str, &[u32])] = match workload {
        Workload::Load => &[
            (SharedPool::NAME, &[4, 64]),
            (SharedPool::NOT_GROUPED, &[4]),
            (ConnectPgTasks::NAME, &[4]),
            (ConnectPgTasks::NOT_GROUPED, &[4]),
        ],
        Workload::Rolling => &[
            (SharedPool::NAME, &[64]),
            (REDIS_THREADS, &[64]),
            (ConnectPgTasks::NAME, &[4, 64, 256]),
            (RedisTasks::NAME, &[64, 256]),
            (RedisTasks::PIPELINED, &[64, 256]),
            (SqlxTasks::NAME, &[4, 64]),
        ],
        Workload::Save => &[
            (SharedPool::NAME, &[64]),
            (SharedPool::NOT_GROUPED, &[64]),
            (REDIS_THREADS_EVERY_SECOND, &[64]),
            (REDIS_THREADS_ALWAYS, &[64]),
            (ConnectPgTasks::NAME, &[64]),
            (ConnectPgTasks::NOT_GROUPED, &[64]),
            (RedisTasks::EVERY_SECOND, &[64]),
            (RedisTasks::ALWAYS, &[64]),
        ],
        _ => &[],
    };
    needs
        .iter()
        .any(|(name, counts)| *name == store && counts.contains(&in_flight))
}
