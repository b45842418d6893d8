use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::checkout::{Checkout, Past};
use super::members::Members;
use super::options::GroupMode;
use super::place::PooledConnection;
use super::queue::Purpose;
use super::waiting::Turn;
use crate::error::Error;
use crate::functions::{
    Call, Group, GroupKind, GroupLimits, GroupedCall, Reply, SchemaName, report_group,
};

/// Loads and saves in groups: those that wait for a connection share the next one that is released, in one call of the
/// database. The thread that gets it leads the group.
///
/// A group is a fast path only. What it does not answer its caller calls for in the ordinary way: the grouped function leaves
/// that to the ordinary one, or the group failed.
pub(super) struct Groups {
    mode: GroupMode,
    /// The mean size of a row in the last reply.
    row_size: AtomicUsize,
}

/// A call that can be part of a group, and all that its thread needs to make it.
struct Candidate<'a> {
    checkout: &'a Checkout,
    schema: &'a SchemaName,
    call: &'a Call<'a>,
    kind: GroupKind,
    own: Arc<GroupedCall>,
}

impl Groups {
    pub(super) fn new(mode: GroupMode) -> Groups {
        Groups {
            mode,
            row_size: AtomicUsize::new(0),
        }
    }

    /// Makes a call: at once and by itself if there is a free connection.
    pub(super) fn execute(
        &self,
        checkout: &Checkout,
        schema: &SchemaName,
        call: &Call<'_>,
    ) -> Result<Reply, Error> {
        let kind = match self.mode {
            GroupMode::Never => None,
            GroupMode::Waiting | GroupMode::All => call.group(),
        };
        let Some(kind) = kind else {
            return checkout.execute(schema, call, Past::default());
        };
        if self.mode == GroupMode::Waiting {
            if let Some(connection) = checkout.try_acquire(call)? {
                return checkout.execute_on(connection, schema, call, Past::default());
            }
        }
        let Some(own) = GroupedCall::new(call) else {
            return checkout.execute(schema, call, Past::default());
        };
        let candidate = Candidate {
            checkout,
            schema,
            call,
            kind,
            own: Arc::new(own),
        };
        match checkout.join(purpose(kind), &candidate.own)? {
            (Turn::Lead(connection), ticket) => {
                let past = Past {
                    ticket,
                    may_have_executed: false,
                };
                self.lead(&candidate, connection, past)
            }
            (Turn::Reply(reply), _) => reply,
            (Turn::Alone { may_have_executed }, ticket) => candidate.alone(Past {
                ticket,
                may_have_executed,
            }),
        }
    }

    /// Makes the call, and those that wait for the same kind of group.
    fn lead(
        &self,
        candidate: &Candidate<'_>,
        mut connection: PooledConnection<'_>,
        past: Past,
    ) -> Result<Reply, Error> {
        let Candidate {
            checkout,
            schema,
            call,
            kind,
            own,
        } = candidate;
        let mut limits = GroupLimits::new(own, self.row_size.load(Ordering::Relaxed));
        let waiters = connection.take_group(|call| limits.admit(call));
        let members = Members::new(waiters, call.changes());
        let may_go_alone = members.is_empty() && self.mode == GroupMode::Waiting;
        if may_go_alone && checkout.adapt(call, &mut connection) {
            return checkout.execute_on(connection, schema, call, past);
        }
        let group = Group::new(*kind, iter::once(&**own).chain(members.calls()));
        connection.count_group(group.len());
        let result = {
            let call = group.call();
            let span = call.span();
            let call = call.traced(&span);
            let result = connection.execute(&checkout.connector, schema, &call, false);
            report_group(&span, &result, group.len());
            result
        };
        // Before the replies: the next leader need not wait for those.
        drop(connection);
        let mut replies = group.decode(result);
        drop(group);
        if let Some(size) = replies.row_size {
            self.row_size.store(size, Ordering::Relaxed);
        }
        let may_have_executed = replies.may_have_executed;
        let own_reply = replies.next_reply();
        members.answer(replies);
        own_reply.unwrap_or_else(|| {
            candidate.alone(Past {
                may_have_executed,
                ..past
            })
        })
    }
}

impl Candidate<'_> {
    fn alone(&self, past: Past) -> Result<Reply, Error> {
        self.call.trace().again();
        self.checkout.execute(self.schema, self.call, past)
    }
}

fn purpose(kind: GroupKind) -> Purpose {
    match kind {
        GroupKind::Load => Purpose::Loads,
        GroupKind::Peek => Purpose::Peeks,
        GroupKind::Save => Purpose::Saves,
    }
}
