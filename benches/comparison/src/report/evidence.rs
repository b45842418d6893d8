//! The comparisons that the budgets are about.

use crate::measure::workload::Workload;
use crate::plan::{BUDGET_CLIENTS, BUDGET_SESSIONS};
use crate::stages::Findings;
use crate::stages::comparison::{Comparison, Ratio};
use crate::stages::in_flight::Cell;
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

    /// Returns what connect-pg does divided by what a store does.
    pub fn ratio(&self, workload: Workload, store: &str) -> Option<Ratio> {
        self.comparison(workload, store)?
            .ratio(ConnectPg::NAME, store)
    }

    /// Returns the cell of a store with so many requests in flight.
    pub fn cell(&self, workload: Workload, store: &str, in_flight: u32) -> Option<&'a Cell> {
        self.0.in_flight.as_ref()?.cell(workload, store, in_flight)
    }

    /// Returns what a store does divided by what another does, each with its number of requests in flight.
    pub fn in_flight_ratio(
        &self,
        workload: Workload,
        a: (&str, u32),
        b: (&str, u32),
    ) -> Option<Ratio> {
        self.0.in_flight.as_ref()?.ratio(workload, a, b)
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
