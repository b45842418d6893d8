use std::sync::Arc;

use super::slot::Slot;
use crate::connection::lazy_connection::LazyConnection;
use crate::error::Error;
use crate::functions::{GroupedCall, Reply};

/// A waiting thread: where it gets its answer, and what another thread can do for it.
#[derive(Default)]
pub(super) struct Waiter {
    pub(super) slot: Slot<Message>,
    /// A call that can be part of a group.
    pub(super) call: Option<Arc<GroupedCall>>,
}

/// What a waiting thread gets.
pub(super) enum Message {
    /// A place, and so a connection.
    Place(LazyConnection),
    /// The reply to its call, which was part of a group.
    Reply(Result<Reply, Error>),
    /// The group did not make its call. `may_have_executed` is true if that is not certain.
    Alone {
        may_have_executed: bool,
    },
    Closed,
}

impl Waiter {
    pub(super) fn of(call: Arc<GroupedCall>) -> Waiter {
        Waiter {
            slot: Slot::default(),
            call: Some(call),
        }
    }
}
