use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Instant;

use super::options::PoolOptions;
use super::queue::{Acquired, Purpose, Queue, Released};
use super::status::PoolStatus;
use super::waiter::{Message, Waiter};
use crate::connection::lazy_connection::LazyConnection;

/// The connections of a pool: the [`Queue`] under its lock, with the messages that it decides on.
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
    /// How many places are in use without a connection, because the server accepts no more of them.
    refused: AtomicU32,
}

pub(super) type PlaceQueue = Queue<IdleConnection, Arc<Waiter>>;

pub(super) struct IdleConnection {
    /// The thread that released it.
    thread: ThreadId,
    since: Instant,
    pub(super) connection: LazyConnection,
}

impl Places {
    pub(super) fn new(options: PoolOptions) -> Places {
        Places {
            options,
            queue: Mutex::new(Queue::new(options.size)),
            refused: AtomicU32::new(0),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.options.size as usize
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

    pub(super) fn count_refused(&self, is_refused: bool) {
        if is_refused {
            self.refused.fetch_add(1, Ordering::SeqCst);
        } else {
            self.refused.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Returns true if a connection is open or may become so, and so can be waited for.
    pub(super) fn has_accepted(&self) -> bool {
        let open = self.options.size - self.lock().counts().unopened;
        open > self.refused.load(Ordering::SeqCst)
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

    pub(super) fn release(&self, purpose: Purpose, connection: LazyConnection) {
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

    pub(super) fn is_expired(&self, idle: &IdleConnection) -> bool {
        self.options.is_expired(&idle.connection, idle.since)
    }

    // Nothing panics while it holds the lock, and the state is consistent at any moment.
    pub(super) fn lock(&self) -> MutexGuard<'_, PlaceQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a free place, with the connection that this thread used last if that is idle.
pub(super) fn take_free(queue: &mut PlaceQueue, purpose: Purpose) -> Acquired<IdleConnection> {
    let thread = thread::current().id();
    queue.acquire(purpose, |idle| idle.thread == thread)
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(f)
    }
}
