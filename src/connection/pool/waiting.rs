use std::sync::Arc;
use std::time::{Duration, Instant};

use super::place::PooledConnection;
use super::places::{PlaceQueue, Places, take_free};
use super::queue::{Acquired, Purpose, Ticket};
use super::waiter::{Message, Waiter};
use crate::error::Error;
use crate::functions::{GroupedCall, Reply};

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AcquireError {
    /// All places stayed in use.
    Timeout,
    /// All places for calls that may wait for a row stayed in use.
    Blocked,
    Closed,
}

/// What a thread waited for.
pub(super) enum Turn<'a> {
    /// A connection. The thread can take a group along.
    Lead(PooledConnection<'a>),
    /// Another thread has made the call.
    Reply(Result<Reply, Error>),
    /// Another thread took the call into its group, which did not make it.
    Alone { may_have_executed: bool },
}

/// What a thread finds that wants a place.
enum Entry<'a> {
    Place(PooledConnection<'a>),
    Wait(Waiting<'a>),
}

/// A thread acquires a connection, and releases it by dropping it.
impl Places {
    /// Acquires a connection that is free.
    pub(super) fn try_acquire(
        &self,
        purpose: Purpose,
    ) -> Result<Option<PooledConnection<'_>>, AcquireError> {
        // Not in the match, which would keep the lock.
        let acquired = take_free(&mut self.lock(), purpose);
        match acquired {
            Acquired::Place(idle) => {
                let connection = PooledConnection::unless_expired(self, purpose, idle);
                Ok(Some(connection))
            }
            Acquired::Full => Ok(None),
            Acquired::Closed => Err(AcquireError::Closed),
        }
    }

    /// Acquires a connection, and waits for one if necessary. A thread that has waited before keeps its turn by its ticket.
    pub(super) fn acquire(
        &self,
        purpose: Purpose,
        ticket: Option<Ticket>,
        timeout: Duration,
    ) -> Result<PooledConnection<'_>, AcquireError> {
        match self.enter(purpose, ticket, Arc::default)? {
            Entry::Place(connection) => Ok(connection),
            Entry::Wait(waiting) => match waiting.wait(timeout)? {
                Turn::Lead(connection) => Ok(connection),
                // Only calls that are part of a group get these.
                Turn::Reply(_) | Turn::Alone { .. } => Err(AcquireError::Timeout),
            },
        }
    }

    /// Acquires a connection for a group, or waits until the call was part of another thread's. Returns the ticket if it waited.
    pub(super) fn join(
        &self,
        purpose: Purpose,
        call: &Arc<GroupedCall>,
        timeout: Duration,
    ) -> Result<(Turn<'_>, Option<Ticket>), AcquireError> {
        match self.enter(purpose, None, || Arc::new(Waiter::of(Arc::clone(call))))? {
            Entry::Place(connection) => Ok((Turn::Lead(connection), None)),
            Entry::Wait(waiting) => {
                let ticket = waiting.ticket;
                Ok((waiting.wait(timeout)?, ticket))
            }
        }
    }

    fn enter(
        &self,
        purpose: Purpose,
        ticket: Option<Ticket>,
        waiter: impl FnOnce() -> Arc<Waiter>,
    ) -> Result<Entry<'_>, AcquireError> {
        let mut queue = self.lock();
        match take_free(&mut queue, purpose) {
            Acquired::Place(idle) => {
                drop(queue);
                let connection = PooledConnection::unless_expired(self, purpose, idle);
                Ok(Entry::Place(connection))
            }
            Acquired::Full => {
                let waiting = self.enqueue(&mut queue, purpose, ticket, waiter());
                Ok(Entry::Wait(waiting))
            }
            Acquired::Closed => Err(AcquireError::Closed),
        }
    }

    /// Adds this thread to those that wait.
    pub(super) fn enqueue(
        &self,
        queue: &mut PlaceQueue,
        purpose: Purpose,
        ticket: Option<Ticket>,
        waiter: Arc<Waiter>,
    ) -> Waiting<'_> {
        let in_queue = Arc::clone(&waiter);
        Waiting {
            places: self,
            purpose,
            ticket: Some(match ticket {
                Some(ticket) => queue.wait_again(ticket, purpose, in_queue),
                None => queue.wait(purpose, in_queue),
            }),
            waiter,
        }
    }
}

/// A thread that waits. When it is dropped it leaves the queue, and hands on what arrived meanwhile.
pub(super) struct Waiting<'a> {
    places: &'a Places,
    purpose: Purpose,
    waiter: Arc<Waiter>,
    /// None after an answer.
    ticket: Option<Ticket>,
}

impl<'a> Waiting<'a> {
    pub(super) fn wait(mut self, timeout: Duration) -> Result<Turn<'a>, AcquireError> {
        if let Some(message) = self.waiter.slot.wait_until(Instant::now() + timeout) {
            self.ticket = None;
            return self.accept(message);
        }
        self.give_up()
    }

    /// Leaves the queue after the timeout. Takes what was decided for this thread meanwhile.
    pub(super) fn give_up(mut self) -> Result<Turn<'a>, AcquireError> {
        let allowed = self.places.lock().allows(self.purpose);
        match self.leave() {
            // The call is on its way, in another thread's group.
            Left::InGroup => {
                let message = self.waiter.slot.wait();
                self.accept(message)
            }
            Left::With(message) => self.accept(message),
            Left::WithNothing if allowed => Err(AcquireError::Timeout),
            Left::WithNothing => Err(AcquireError::Blocked),
        }
    }

    /// Leaves the queue.
    fn leave(&mut self) -> Left {
        match self.ticket.take() {
            Some(ticket) if !self.places.lock().cancel(ticket) => {
                self.waiter.slot.take().map_or(Left::InGroup, Left::With)
            }
            _ => Left::WithNothing,
        }
    }

    fn accept(&self, message: Message) -> Result<Turn<'a>, AcquireError> {
        match message {
            Message::Place(connection) => Ok(Turn::Lead(PooledConnection::new(
                self.places,
                self.purpose,
                connection,
            ))),
            Message::Reply(reply) => Ok(Turn::Reply(reply)),
            Message::Alone { may_have_executed } => Ok(Turn::Alone { may_have_executed }),
            Message::Closed => Err(AcquireError::Closed),
        }
    }

    #[cfg(test)]
    pub(super) fn has_arrived(&self) -> bool {
        self.waiter.slot.is_filled()
    }
}

/// How a thread left the queue.
enum Left {
    WithNothing,
    /// The message arrived before.
    With(Message),
    /// A group has taken it along, so a message will come.
    InGroup,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Left::With(message) = self.leave() {
            drop(self.accept(message));
        }
    }
}
