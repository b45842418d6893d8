use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::lazy_connection::LazyConnection;
use super::pool_status::PoolStatus;

/// How many of the last released connections are searched.
const MAX_SEARCH: usize = 32;

/// The connections of a pool. A caller acquires one, and releases it by dropping it.
///
/// A thread gets the connection that it used last, if that is idle: the server process behind it then mostly runs on the
/// thread's processor, with warm caches. Otherwise it gets the one that has been idle longest, which another thread is least
/// likely to want. Open connections come before others, so that no more are opened than are in use at the same time.
pub(crate) struct PoolInner {
    options: PoolOptions,
    state: Mutex<State>,
    /// A connection was released, or the pool was closed.
    changed: Condvar,
}

/// How many connections a pool may hold, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolOptions {
    /// More than 0.
    pub(crate) size: u32,
    pub(crate) max_lifetime: Duration,
    pub(crate) idle_timeout: Option<Duration>,
}

struct State {
    /// By the time of their release.
    idle: VecDeque<IdleConnection>,
    /// How many more may be opened.
    unopened: u32,
    waiting: u32,
    closed: bool,
}

struct IdleConnection {
    /// The thread that released it.
    thread: ThreadId,
    since: Instant,
    connection: LazyConnection,
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AcquireError {
    Timeout,
    Closed,
}

impl PoolInner {
    pub(crate) fn new(options: PoolOptions) -> PoolInner {
        PoolInner {
            options,
            state: Mutex::new(State {
                idle: VecDeque::new(),
                unopened: options.size,
                waiting: 0,
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Acquires a connection, and waits for one if necessary.
    pub(crate) fn acquire(&self, timeout: Duration) -> Result<PooledConnection<'_>, AcquireError> {
        let thread = thread::current().id();
        let mut state = self.lock();
        let mut give_up = None;
        loop {
            if state.closed {
                return Err(AcquireError::Closed);
            }
            if let Some((connection, idle_since)) = state.take(thread) {
                drop(state);
                let mut connection = PooledConnection {
                    pool: self,
                    connection,
                };
                if idle_since.is_some_and(|since| self.options.is_expired(&connection, since)) {
                    connection.discard();
                }
                return Ok(connection);
            }
            let give_up = *give_up.get_or_insert_with(|| Instant::now() + timeout);
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(AcquireError::Timeout);
            }
            state.waiting += 1;
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            state.waiting -= 1;
        }
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let state = self.lock();
        PoolStatus {
            size: self.options.size,
            open: self.options.size - state.unopened,
            idle: u32::try_from(state.idle.len()).unwrap_or(u32::MAX),
            waiting: state.waiting,
        }
    }

    /// Closes the idle connections now, and the others when they are released. Nothing can be acquired any more.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let idle = std::mem::take(&mut state.idle);
        state.unopened += u32::try_from(idle.len()).unwrap_or(u32::MAX);
        self.changed.notify_all();
        drop(state);
        drop(idle); // sends a message to the server
    }

    fn release(&self, connection: LazyConnection) {
        let thread = thread::current().id();
        let mut state = self.lock();
        let mut unusable = None;
        if connection.is_usable() && !state.closed {
            state.idle.push_back(IdleConnection {
                thread,
                since: Instant::now(),
                connection,
            });
        } else {
            state.unopened += 1;
            unusable = Some(connection);
        }
        let expired = state.take_expired(&self.options);
        // A system call, which is rarely necessary.
        if state.waiting > 0 {
            self.changed.notify_one();
        }
        drop(state);
        drop((unusable, expired)); // sends a message to the server
    }

    // Nothing panics while it holds the lock, and the state is consistent at any moment.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PoolOptions {
    fn is_expired(&self, connection: &LazyConnection, idle_since: Instant) -> bool {
        connection.is_older_than(self.max_lifetime)
            || self
                .idle_timeout
                .is_some_and(|timeout| idle_since.elapsed() >= timeout)
    }
}

impl State {
    /// Takes a connection. If it is open, returns since when it was idle.
    fn take(&mut self, thread: ThreadId) -> Option<(LazyConnection, Option<Instant>)> {
        // What the thread released is near the end; in a large pool it is not worth a long search.
        let last = self.idle.len();
        let own = (last.saturating_sub(MAX_SEARCH)..last)
            .rev()
            .find(|&at| self.idle[at].thread == thread);
        if let Some(idle) = self.idle.remove(own.unwrap_or(0)) {
            return Some((idle.connection, Some(idle.since)));
        }
        self.unopened = self.unopened.checked_sub(1)?;
        Some((LazyConnection::default(), None))
    }

    /// Takes the connection that has been idle longest, if it has expired. So the pool shrinks after a peak.
    fn take_expired(&mut self, options: &PoolOptions) -> Option<LazyConnection> {
        let oldest = self.idle.front()?;
        if !options.is_expired(&oldest.connection, oldest.since) {
            return None;
        }
        self.unopened += 1;
        self.idle.pop_front().map(|idle| idle.connection)
    }
}

impl fmt::Debug for PoolInner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(f)
    }
}

/// A connection in use. Dropping it releases it.
pub(crate) struct PooledConnection<'a> {
    pool: &'a PoolInner,
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
        self.pool.release(std::mem::take(&mut self.connection));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Duration = Duration::from_nanos(1);
    const LONG: Duration = Duration::from_secs(300);

    fn pool(size: u32) -> PoolInner {
        PoolInner::new(PoolOptions {
            size,
            max_lifetime: LONG,
            idle_timeout: None,
        })
    }

    #[test]
    fn acquire_returns_at_most_size_connections() {
        let pool = pool(2);
        let first = pool.acquire(AT_ONCE);
        let second = pool.acquire(AT_ONCE);
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(pool.acquire(AT_ONCE).err(), Some(AcquireError::Timeout));
        drop(first);
        assert!(pool.acquire(AT_ONCE).is_ok());
        let status = PoolStatus {
            size: 2,
            open: 1,
            idle: 0,
            waiting: 0,
        };
        assert_eq!(pool.status(), status);
    }

    #[test]
    fn waiting_caller_gets_released_connection() {
        let pool = pool(1);
        let mut taken = pool.acquire(AT_ONCE).ok();
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| pool.acquire(LONG).is_ok()))
                .collect();
            while pool.status().waiting < 8 {
                thread::yield_now();
            }
            taken = None;
            for thread in waiting {
                assert!(thread.join().unwrap());
            }
        });
        assert!(taken.is_none());
    }

    #[test]
    fn panic_releases_connection() {
        let pool = pool(1);
        let panicked = thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _connection = pool.acquire(AT_ONCE);
                    panic!("on purpose");
                })
                .join()
        });
        assert!(panicked.is_err());
        assert!(pool.acquire(AT_ONCE).is_ok());
    }

    #[test]
    fn close_wakes_waiting_callers() {
        let pool = pool(1);
        let taken = pool.acquire(AT_ONCE);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| pool.acquire(LONG).err());
            while pool.status().waiting == 0 {
                thread::yield_now();
            }
            pool.close();
            assert_eq!(waiting.join().unwrap(), Some(AcquireError::Closed));
        });
        drop(taken);
        assert_eq!(pool.acquire(AT_ONCE).err(), Some(AcquireError::Closed));
        assert_eq!(pool.status().open, 0);
    }
}
