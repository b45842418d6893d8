use std::sync::Arc;
use std::time::Duration;

use super::exclusive::ExclusiveConnections;
use super::groups::Groups;
use super::lease::{Lease, execute};
use super::limits::{Deadline, Waits};
use super::shared::SharedConnections;
use crate::connection::Connector;
use crate::error::Error;
use crate::functions::{Call, Reply, SchemaName};

/// What the clones of a pool share.
pub(super) struct PoolInner {
    pub(super) connector: Arc<Connector>,
    pub(super) size: u32,
    pub(super) timeout: Duration,
    pub(super) shared: Arc<SharedConnections>,
    pub(super) exclusive: Arc<ExclusiveConnections>,
    pub(super) groups: Arc<Groups>,
    pub(super) waits: Arc<Waits>,
}

impl PoolInner {
    /// Returns the deadline of a call that begins to wait now.
    pub(super) fn deadline(&self) -> Deadline {
        Deadline::after(self.timeout)
    }

    /// Makes a call by itself. `may_have_executed` is true if it was part of a group, of which that is unknown.
    pub(super) async fn execute_alone(
        &self,
        schema: &SchemaName,
        call: &Call<'_>,
        may_have_executed: bool,
        deadline: Deadline,
    ) -> Result<Reply, Error> {
        let no_place = |error: Error| error.with_outcome_unknown_if(may_have_executed);
        if call.can_be_pipelined() {
            let lease = self.shared.take(deadline).await.map_err(no_place)?;
            self.execute_on(lease, schema, call, may_have_executed)
                .await
        } else {
            let lease = self.exclusive.take(call, deadline).await;
            self.execute_on(lease.map_err(no_place)?, schema, call, may_have_executed)
                .await
        }
    }

    /// Makes a call in a place of the pool, and releases that.
    pub(super) async fn execute_on<L: Lease>(
        &self,
        mut lease: L,
        schema: &SchemaName,
        call: &Call<'_>,
        may_have_executed: bool,
    ) -> Result<Reply, Error> {
        let prepares = self.connector.prepares_statements();
        execute(&mut lease, prepares, schema, call, may_have_executed).await
    }
}
