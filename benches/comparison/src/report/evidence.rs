//! The comparisons that the budgets are about.

use crate::measure::spread::Spread;
use crate::measure::workload::Workload;
use crate::plan::{BUDGET_CLIENTS, BUDGET_SESSIONS};
use crate::stages::Findings;
use crate::stages::comparison::Comparison;
use crate::stores::connect_pg::pool::ConnectPg;
use crate::stores::table_store::TableClient;

/// Finds comparisons among what was measured.
pub struct Evidence<'a>(pub &'a Findings);

impl<'a> Evidence<'a> {
    /// Returns the comparison of connect-pg and a store at the most sessions, up to those of the budgets.
    pub fn comparison(&self, workload: Workload, store: &str) -> Option<&'a Comparison> {
        self.comparisons(workload, store)
            .filter(|c| c.sessions <= BUDGET_SESSIONS)
            .max_by_key(|c| c.sessions)
    }

    /// Returns the comparison of connect-pg and a store at a number of sessions.
    pub fn comparison_at(
        &self,
        workload: Workload,
        store: &str,
        sessions: u32,
    ) -> Option<&'a Comparison> {
        self.comparisons(workload, store)
            .find(|c| c.sessions == sessions)
    }

    /// Returns the calls per second of connect-pg divided by those of a store.
    pub fn ratio(&self, workload: Workload, store: &str) -> Option<Spread> {
        self.comparison(workload, store)?
            .ratio(ConnectPg::NAME, store)
    }

    /// Returns the same, by calls for each second of the server's processor time.
    pub fn server_cpu_ratio(&self, workload: Workload, store: &str) -> Option<Spread> {
        self.comparison(workload, store)?
            .server_cpu_ratio(ConnectPg::NAME, store)
    }

    fn comparisons(&self, workload: Workload, store: &str) -> impl Iterator<Item = &'a Comparison> {
        self.0
            .comparisons
            .iter()
            .filter(move |c| c.workload == workload && c.clients == BUDGET_CLIENTS)
            .filter(|c| c.bytes < 1000)
            .filter(move |c| {
                [ConnectPg::NAME, store]
                    .iter()
                    .all(|name| c.store(name).is_some())
            })
    }
}
