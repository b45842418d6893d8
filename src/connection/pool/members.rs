use std::sync::Arc;

use super::waiter::{Message, Waiter};
use crate::functions::{GroupReply, GroupedCall};

/// The threads that wait for what the leader of their group does. Each gets an answer, even if the leader panics.
pub(super) struct Members {
    waiters: Vec<Arc<Waiter>>,
    /// What is to be assumed of calls without an answer.
    may_have_executed: bool,
}

impl Members {
    pub(super) fn new(waiters: Vec<Arc<Waiter>>, may_have_executed: bool) -> Members {
        Members {
            waiters,
            may_have_executed,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    pub(super) fn calls(&self) -> impl Iterator<Item = &GroupedCall> {
        self.waiters
            .iter()
            .filter_map(|waiter| waiter.call.as_deref())
    }

    /// Gives each thread its reply. One without a reply makes its call itself.
    pub(super) fn answer(mut self, mut replies: GroupReply) {
        let may_have_executed = replies.may_have_executed;
        self.may_have_executed = may_have_executed;
        for waiter in self.waiters.drain(..) {
            let reply = replies.next_reply();
            tell(
                &waiter,
                reply.map_or(Message::Alone { may_have_executed }, Message::Reply),
            );
        }
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        let may_have_executed = self.may_have_executed;
        for waiter in &self.waiters {
            tell(waiter, Message::Alone { may_have_executed });
        }
    }
}

fn tell(waiter: &Waiter, message: Message) {
    waiter.slot.put(message);
    waiter.slot.wake();
}
