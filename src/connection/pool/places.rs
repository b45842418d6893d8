use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::options::PoolOptions;
use super::queue::{Acquired, Purpose, Queue, Released, Ticket};
use super::status::PoolStatus;
use super::waiter::{Message, Waiter};
use crate::connection::lazy_connection::LazyConnection;
use crate::functions::{Admission, GroupedCall, Reply};

/// The connections of a pool. A thread acquires one, and releases it by dropping it.
///
/// A thread that leaves the queue gets a message in its slot, under the queue's lock. Or it becomes a member of a group, whose
/// leader sends one. So a thread that gives up is still in the queue, or gets a message. It is notified after the lock is
/// released, because it may need the lock.
///
/// A thread gets the connection that it used last, if that is idle: the server process behind it then mostly runs on the
/// thread's processor, with warm caches. The [`Queue`] decides everything else.
pub(super) struct Places {
    options: PoolOptions,
    queue: Mutex<PlaceQueue>,
}

pub(super) type PlaceQueue = Queue<IdleConnection, Arc<Waiter>>;

pub(super) struct IdleConnection {
    /// The thread that released it.
    thread: ThreadId,
    since: Instant,
    connection: LazyConnection,
}

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
    Reply(Reply),
    /// Another thread took the call into its group, which did not make it.
    Alone { may_have_executed: bool },
}

/// What a thread finds that wants a place.
enum Entry<'a> {
    Place(PooledConnection<'a>),
    Wait(Waiting<'a>),
}

impl Places {
    pub(super) fn new(options: PoolOptions) -> Places {
        Places {
            options,
            queue: Mutex::new(Queue::new(options.size)),
        }
    }

    /// Acquires a connection that is free.
    pub(super) fn try_acquire(
        &self,
        purpose: Purpose,
    ) -> Result<Option<PooledConnection<'_>>, AcquireError> {
        match take_free(&mut self.lock(), purpose) {
            Acquired::Place(idle) => Ok(Some(self.unless_expired(purpose, idle))),
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
                Ok(Entry::Place(self.unless_expired(purpose, idle)))
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

    pub(super) fn status(&self) -> PoolStatus {
        let counts = self.lock().counts();
        let count = |length| u32::try_from(length).unwrap_or(u32::MAX);
        PoolStatus {
            size: self.options.size,
            open: self.options.size - counts.unopened,
            idle: count(counts.idle),
            waiting: count(counts.waiting),
            hand_offs: counts.hand_offs,
            groups: counts.groups,
            grouped_calls: counts.grouped_calls,
            largest_group: counts.largest_group,
        }
    }

    /// Closes the idle connections now, and the others when they are released. Nothing can be acquired any more.
    pub(super) fn close(&self) {
        let mut queue = self.lock();
        let (idle, waiting) = queue.close();
        for waiter in &waiting {
            waiter.slot.put(Message::Closed);
        }
        drop(queue);
        for waiter in waiting {
            waiter.slot.wake();
        }
        drop(idle); // sends a message to the server
    }

    fn release(&self, purpose: Purpose, connection: LazyConnection) {
        let thread = thread::current().id();
        let (usable, unusable) = if self.options.is_usable(&connection) {
            let since = Instant::now();
            let idle = IdleConnection {
                thread,
                since,
                connection,
            };
            (Some(idle), None)
        } else {
            (None, Some(connection))
        };
        let mut queue = self.lock();
        let (to_wake, refused) = match queue.release(purpose, usable) {
            Released::HandedTo(waiter, idle) => {
                let connection = idle.map(|idle| idle.connection).unwrap_or_default();
                waiter.slot.put(Message::Place(connection));
                (Some(waiter), None)
            }
            Released::Kept => (None, None),
            Released::Refused(idle) => (None, idle),
        };
        let expired = queue.take_expired(|idle| self.is_expired(idle));
        drop(queue);
        if let Some(waiter) = to_wake {
            waiter.slot.wake();
        }
        drop((unusable, refused, expired)); // sends a message to the server
    }

    fn is_expired(&self, idle: &IdleConnection) -> bool {
        self.options.is_expired(&idle.connection, idle.since)
    }

    fn unless_expired(
        &self,
        purpose: Purpose,
        idle: Option<IdleConnection>,
    ) -> PooledConnection<'_> {
        let is_expired = idle.as_ref().is_some_and(|idle| self.is_expired(idle));
        let connection = idle.map(|idle| idle.connection).unwrap_or_default();
        let mut connection = self.in_use(purpose, connection);
        if is_expired {
            connection.discard();
        }
        connection
    }

    fn in_use(&self, purpose: Purpose, connection: LazyConnection) -> PooledConnection<'_> {
        PooledConnection {
            places: self,
            purpose,
            connection,
        }
    }

    // Nothing panics while it holds the lock, and the state is consistent at any moment.
    pub(super) fn lock(&self) -> MutexGuard<'_, PlaceQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a free place, with the connection that this thread used last if that is idle.
fn take_free(queue: &mut PlaceQueue, purpose: Purpose) -> Acquired<IdleConnection> {
    let thread = thread::current().id();
    queue.acquire(purpose, |idle| idle.thread == thread)
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(f)
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
            Message::Place(connection) => {
                Ok(Turn::Lead(self.places.in_use(self.purpose, connection)))
            }
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

/// A connection in use. Dropping it releases it.
pub(super) struct PooledConnection<'a> {
    places: &'a Places,
    purpose: Purpose,
    connection: LazyConnection,
}

impl PooledConnection<'_> {
    /// Takes the waiting calls along that `admit` admits. They are of the same purpose.
    pub(super) fn take_group(
        &self,
        mut admit: impl FnMut(&GroupedCall) -> Admission,
    ) -> Vec<Arc<Waiter>> {
        self.places.lock().take_group(self.purpose, |waiter| {
            let call = waiter.call.as_deref();
            call.map_or(Admission::Waits, &mut admit)
        })
    }

    /// Counts a group of so many calls.
    pub(super) fn count_group(&self, calls: usize) {
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        self.places.lock().count_group(calls);
    }

    /// Uses the connection for a call that may wait for a row, if one more of them is allowed.
    pub(super) fn become_blockable(&mut self) -> bool {
        let allowed = self.places.lock().become_blockable();
        if allowed {
            self.purpose = Purpose::Blockable;
        }
        allowed
    }
}

impl Deref for PooledConnection<'_> {
    type Target = LazyConnection;

    fn deref(&self) -> &LazyConnection {
        &self.connection
    }
}

impl DerefMut for PooledConnection<'_> {
    fn deref_mut(&mut self) -> &mut LazyConnection {
        &mut self.connection
    }
}

impl Drop for PooledConnection<'_> {
    fn drop(&mut self) {
        let connection = std::mem::take(&mut self.connection);
        self.places.release(self.purpose, connection);
    }
}
