use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::options::PoolOptions;
use super::queue::{Acquired, Purpose, Queue, Released, Ticket};
use super::slot::Slot;
use super::status::PoolStatus;
use crate::connection::lazy_connection::LazyConnection;

/// The connections of a pool. A thread acquires one, and releases it by dropping it.
///
/// A thread that leaves the queue gets a message in its slot, under the queue's lock. So a thread that gives up is still in the
/// queue, or finds what arrived in that instant. It is notified after the lock is released, because it may need the lock.
///
/// A thread gets the connection that it used last, if that is idle: the server process behind it then mostly runs on the
/// thread's processor, with warm caches. The [`Queue`] decides everything else.
pub(crate) struct Places {
    options: PoolOptions,
    queue: Mutex<PlaceQueue>,
}

pub(super) type PlaceQueue = Queue<IdleConnection, Arc<Slot<Message>>>;

pub(super) struct IdleConnection {
    /// The thread that released it.
    thread: ThreadId,
    since: Instant,
    connection: LazyConnection,
}

/// What a waiting thread gets.
pub(super) enum Message {
    Place(LazyConnection),
    Closed,
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AcquireError {
    /// All places stayed in use.
    Timeout,
    /// All places for calls that may wait for a row stayed in use.
    Blocked,
    Closed,
}

impl Places {
    pub(crate) fn new(options: PoolOptions) -> Places {
        Places {
            options,
            queue: Mutex::new(Queue::new(options.size)),
        }
    }

    /// Acquires a connection, and waits for one if necessary.
    pub(super) fn acquire(
        &self,
        purpose: Purpose,
        timeout: Duration,
    ) -> Result<PooledConnection<'_>, AcquireError> {
        let thread = thread::current().id();
        let mut queue = self.lock();
        match queue.acquire(purpose, |idle| idle.thread == thread) {
            Acquired::Place(idle) => {
                drop(queue);
                Ok(self.unless_expired(purpose, idle))
            }
            Acquired::Closed => Err(AcquireError::Closed),
            Acquired::Full => {
                let waiting = self.enqueue(&mut queue, purpose);
                drop(queue);
                waiting.wait(timeout)
            }
        }
    }

    /// Adds this thread to those that wait.
    pub(super) fn enqueue(&self, queue: &mut PlaceQueue, purpose: Purpose) -> Waiting<'_> {
        let slot = Arc::default();
        Waiting {
            places: self,
            purpose,
            ticket: Some(queue.wait(purpose, Arc::clone(&slot))),
            slot,
        }
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let counts = self.lock().counts();
        let count = |length| u32::try_from(length).unwrap_or(u32::MAX);
        PoolStatus {
            size: self.options.size,
            open: self.options.size - counts.unopened,
            idle: count(counts.idle),
            waiting: count(counts.waiting),
            hand_offs: counts.hand_offs,
        }
    }

    /// Closes the idle connections now, and the others when they are released. Nothing can be acquired any more.
    pub(crate) fn close(&self) {
        let mut queue = self.lock();
        let (idle, waiting) = queue.close();
        for slot in &waiting {
            slot.put(Message::Closed);
        }
        drop(queue);
        for slot in waiting {
            slot.wake();
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
            Released::HandedTo(slot, idle) => {
                slot.put(Message::Place(
                    idle.map(|idle| idle.connection).unwrap_or_default(),
                ));
                (Some(slot), None)
            }
            Released::Kept => (None, None),
            Released::Refused(idle) => (None, idle),
        };
        let expired = queue.take_expired(|idle| self.is_expired(idle));
        drop(queue);
        if let Some(slot) = to_wake {
            slot.wake();
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
        let mut connection = self.in_use(
            purpose,
            idle.map(|idle| idle.connection).unwrap_or_default(),
        );
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

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(f)
    }
}

/// A thread that waits. When it is dropped it leaves the queue, and hands on what arrived meanwhile.
pub(super) struct Waiting<'a> {
    places: &'a Places,
    purpose: Purpose,
    slot: Arc<Slot<Message>>,
    /// None after an answer.
    ticket: Option<Ticket>,
}

impl<'a> Waiting<'a> {
    fn wait(mut self, timeout: Duration) -> Result<PooledConnection<'a>, AcquireError> {
        if let Some(message) = self.slot.wait_until(Instant::now() + timeout) {
            self.ticket = None;
            return self.accept(message);
        }
        let allowed = self.places.lock().allows(self.purpose);
        match self.leave() {
            Some(message) => self.accept(message),
            None if allowed => Err(AcquireError::Timeout),
            None => Err(AcquireError::Blocked),
        }
    }

    /// Leaves the queue. Returns what arrived before.
    fn leave(&mut self) -> Option<Message> {
        let ticket = self.ticket.take()?;
        if self.places.lock().cancel(ticket) {
            None
        } else {
            self.slot.take()
        }
    }

    #[cfg(test)]
    pub(super) fn has_arrived(&self) -> bool {
        self.slot.is_filled()
    }

    fn accept(&self, message: Message) -> Result<PooledConnection<'a>, AcquireError> {
        match message {
            Message::Place(connection) => Ok(self.places.in_use(self.purpose, connection)),
            Message::Closed => Err(AcquireError::Closed),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(message) = self.leave() {
            drop(self.accept(message));
        }
    }
}

/// A connection in use. Dropping it releases it.
pub(crate) struct PooledConnection<'a> {
    places: &'a Places,
    purpose: Purpose,
    connection: LazyConnection,
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
