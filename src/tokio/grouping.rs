//! Calls that can be part of a group: alone and at once if there is a free place, else with those that wait.

use std::future::Future;
use std::sync::Arc;

use super::groups::{Answer, Leader};
use super::lease::Lease;
use super::limits::NoPlace;
use super::open_connection::current_runtime;
use super::pool_inner::PoolInner;
use crate::connection::GroupMode;
use crate::error::Error;
use crate::functions::{Call, GroupKind, GroupedCall, Reply, SchemaName, report_group};

impl PoolInner {
    /// Makes a call of a kind that has groups.
    pub(super) async fn execute_groupable(
        self: &Arc<Self>,
        kind: GroupKind,
        schema: &SchemaName,
        call: &Call<'_>,
    ) -> Result<Reply, Error> {
        if self.groups.mode == GroupMode::Waiting && !self.groups.has_waiting(kind) {
            if let Some(alone) = self.try_alone(kind, schema, call).await {
                return alone;
            }
        }
        let deadline = self.deadline();
        let Some(own) = GroupedCall::new(call) else {
            return self.execute_alone(schema, call, false, deadline).await;
        };
        let mut joined = self.groups.join(kind, own);
        if let Some(leader) = joined.leader.take() {
            current_runtime()?.spawn(lead(Arc::clone(self), schema.clone(), leader));
        }
        match joined.answer(deadline, self.connector.activity()).await? {
            Answer::Reply(reply) => reply,
            Answer::Refused => self.execute_alone(schema, call, false, deadline).await,
            // The time of the group's call was no wait for a place.
            Answer::Alone { may_have_executed } => {
                call.trace().again();
                let deadline = self.deadline();
                self.execute_alone(schema, call, may_have_executed, deadline)
                    .await
            }
        }
    }

    /// Makes a call by itself if there is a free place for it. Returns None if there is none.
    async fn try_alone(
        &self,
        kind: GroupKind,
        schema: &SchemaName,
        call: &Call<'_>,
    ) -> Option<Result<Reply, Error>> {
        match kind {
            GroupKind::Load | GroupKind::Peek => {
                let lease = self.shared.try_take_for_load()?;
                Some(self.execute_on(lease, schema, call, false).await)
            }
            GroupKind::Save => {
                let lease = self.exclusive.try_take_for_save(call)?;
                Some(self.execute_on(lease, schema, call, false).await)
            }
        }
    }

    /// Makes one call for many.
    #[expect(clippy::manual_async_fn, reason = "the bound Send is written down")]
    fn execute_group(
        self: &Arc<Self>,
        kind: GroupKind,
        schema: &SchemaName,
        leader: &mut Leader,
    ) -> impl Future<Output = Result<(), NoPlace>> + Send {
        async move {
            // First the place, then the calls: all that come meanwhile are part of the group.
            match kind {
                GroupKind::Load | GroupKind::Peek => {
                    let lease = self.shared.take_for_group(self.timeout).await?;
                    self.execute_group_on(lease, schema, leader).await;
                }
                GroupKind::Save => {
                    let lease = self.exclusive.take_for_group(self.timeout).await?;
                    self.execute_group_on(lease, schema, leader).await;
                }
            }
            Ok(())
        }
    }

    async fn execute_group_on<L: Lease>(&self, lease: L, schema: &SchemaName, leader: &mut Leader) {
        let Some(members) = leader.take_group() else {
            return;
        };
        let group = members.group();
        let call = group.call();
        let span = call.span();
        let reply = self
            .execute_on(lease, schema, &call.traced(&span), false)
            .await;
        report_group(&span, &reply, group.len());
        drop(group);
        leader.answer(members, reply);
    }
}

/// Leads groups until no call waits.
async fn lead(pool: Arc<PoolInner>, schema: SchemaName, mut leader: Leader) {
    let kind = leader.kind();
    while !leader.end_if_none_waits() {
        if pool
            .execute_group(kind, &schema, &mut leader)
            .await
            .is_err()
        {
            // Each finds out by itself that there is no place.
            leader.refuse_all();
        }
    }
}
