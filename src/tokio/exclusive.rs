//! Connections that serve one caller at a time: for calls that change something, may wait for a lock, or take long.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use super::held_locks;
use super::lease::Lease;
use super::limits::{Deadline, Limits, NoPlace, Places, Waits};
use super::open_connection::OpenConnection;
use crate::connection::Connector;
use crate::error::Error;
use crate::functions::Call;

/// The saves, or groups of saves, that are under way at the same time, unless they take long. With more, the groups would be
/// smaller, and each waits for the disk.
pub(super) const MAX_SAVES: usize = 2;
/// How long a group waits for those before it, and then goes all the same: a save that waits for a locked session must not stop
/// all others.
const SAVES_TIMEOUT: Duration = Duration::from_millis(20);

/// The connections, of which as many as there are places can be in use.
pub(super) struct ExclusiveConnections {
    connector: Arc<Connector>,
    limits: Limits,
    places: Places,
    count: usize,
    /// For calls that may wait for a locked session. They leave one place to all others.
    blockable: Places,
    /// For saves and groups of saves, so that others wait and share the next one.
    saves: Places,
    /// The one that was released last is at the back.
    idle: Mutex<VecDeque<Idle>>,
    open: Arc<AtomicU32>,
}

struct Idle {
    connection: Counted,
    since: Instant,
}

impl ExclusiveConnections {
    pub(super) fn new(
        connector: Arc<Connector>,
        limits: Limits,
        count: usize,
        waits: &Arc<Waits>,
    ) -> Arc<ExclusiveConnections> {
        Arc::new(ExclusiveConnections {
            connector,
            limits,
            places: Places::new(count, waits),
            count,
            blockable: Places::new((count - 1).max(1), waits),
            saves: Places::new(MAX_SAVES, waits),
            idle: Mutex::default(),
            open: Arc::default(),
        })
    }

    /// Takes a place for a call, and for the transaction that the call may begin. Waits until the deadline, unless the call
    /// says for how long.
    pub(super) async fn take(
        self: &Arc<Self>,
        call: &Call<'_>,
        deadline: Deadline,
    ) -> Result<ExclusiveLease, Error> {
        let Deadline { timeout, at } = call.give_up().map_or(deadline, |at| Deadline {
            timeout: at.saturating_duration_since(Instant::now()),
            at,
        });
        // A call inside a transaction lets that end, and so one more of the calls that may block.
        let blockable = if call.may_block() && held_locks::count(self.address()) == 0 {
            let permit = self.blockable.take(at).await;
            Some(permit.map_err(|reason| match reason {
                NoPlace::Closed => Error::pool_closed(),
                NoPlace::Timeout if call.give_up().is_some() => Error::locked_in_pool(),
                NoPlace::Timeout => Error::pool_blocked(timeout),
            })?)
        } else {
            None
        };
        let permit = self.places.take(at).await;
        let permit = permit.map_err(|reason| match reason {
            NoPlace::Closed => Error::pool_closed(),
            NoPlace::Timeout => Error::pool_timeout(timeout, self.connector.activity().in_use()),
        })?;
        Ok(self.lease(permit, blockable, None))
    }

    /// Refuses a call that would wait for a connection that its own task keeps.
    pub(super) fn check_self_deadlock(self: &Arc<Self>) -> Result<(), Error> {
        if held_locks::count(self.address()) < self.count {
            Ok(())
        } else {
            Err(Error::pool_kept_by_caller())
        }
    }

    /// Returns what tells this pool from others.
    pub(super) fn address(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// Takes a place for a save if one is free.
    pub(super) fn try_take_for_save(self: &Arc<Self>, call: &Call<'_>) -> Option<ExclusiveLease> {
        let save = self.saves.try_take()?;
        let blockable = if call.may_block() && held_locks::count(self.address()) == 0 {
            Some(self.blockable.try_take()?)
        } else {
            None
        };
        let permit = self.places.try_take()?;
        Some(self.lease(permit, blockable, Some(save)))
    }

    /// Takes a place for a group of saves, which waits for no lock. Waits for `timeout`.
    pub(super) async fn take_for_group(
        self: &Arc<Self>,
        timeout: Duration,
    ) -> Result<ExclusiveLease, NoPlace> {
        let give_up = Instant::now() + timeout;
        let save = match self
            .saves
            .take_for_group(give_up.min(Instant::now() + SAVES_TIMEOUT))
            .await
        {
            Ok(save) => Some(save),
            Err(NoPlace::Timeout) => None,
            Err(NoPlace::Closed) => return Err(NoPlace::Closed),
        };
        let permit = self.places.take_for_group(give_up).await?;
        Ok(self.lease(permit, None, save))
    }

    fn lease(
        self: &Arc<Self>,
        permit: OwnedSemaphorePermit,
        blockable: Option<OwnedSemaphorePermit>,
        save: Option<OwnedSemaphorePermit>,
    ) -> ExclusiveLease {
        let idle = self.idle().pop_back();
        let connection = idle
            .filter(|idle| {
                let open = &idle.connection.open;
                open.is_usable() && !self.limits.is_expired(open, Some(idle.since))
            })
            .map(|idle| idle.connection);
        ExclusiveLease {
            place: Some(Place {
                pool: Arc::clone(self),
                _permit: permit,
                _blockable: blockable,
                _save: save,
            }),
            connection,
            progress: Progress::Ready,
            refused: Vec::new(),
        }
    }

    /// Returns how many connections are open, and how many of them are idle.
    pub(super) fn status(&self) -> (u32, u32) {
        let idle = self.idle().len();
        let idle = u32::try_from(idle).unwrap_or(u32::MAX);
        (self.open.load(Ordering::Relaxed), idle)
    }

    pub(super) fn close(&self) {
        self.places.close();
        self.blockable.close();
        self.saves.close();
        let closed = std::mem::take(&mut *self.idle());
        drop(closed);
    }

    fn release(&self, connection: Counted) {
        let mut idle = self.idle();
        let unusable = if connection.open.is_usable() && !self.places.is_closed() {
            idle.push_back(Idle {
                connection,
                since: Instant::now(),
            });
            None
        } else {
            Some(connection)
        };
        // The pool shrinks after a peak.
        let is_expired = |idle: &Idle| {
            self.limits
                .is_expired(&idle.connection.open, Some(idle.since))
        };
        let expired = match idle.front() {
            Some(oldest) if is_expired(oldest) => idle.pop_front(),
            _ => None,
        };
        drop(idle);
        drop((unusable, expired));
    }

    // Nothing panics while it holds the lock.
    fn idle(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open connection that the status counts.
struct Counted {
    open: Arc<OpenConnection>,
    _count: Count,
}

struct Count(Arc<AtomicU32>);

impl Count {
    fn new(count: &Arc<AtomicU32>) -> Count {
        count.fetch_add(1, Ordering::Relaxed);
        Count(Arc::clone(count))
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A place in the pool. The last field that is dropped lets the next caller in.
struct Place {
    pool: Arc<ExclusiveConnections>,
    _permit: OwnedSemaphorePermit,
    _blockable: Option<OwnedSemaphorePermit>,
    _save: Option<OwnedSemaphorePermit>,
}

impl Place {
    // It takes all of the place: a closure that names one field captures that alone, and the permits are free at once.
    fn release(self, connection: Option<Counted>) {
        if let Some(connection) = connection {
            self.pool.release(connection);
        }
    }
}

/// The use of a connection by one caller.
pub(super) struct ExclusiveLease {
    /// None after the drop has handed it over.
    place: Option<Place>,
    connection: Option<Counted>,
    progress: Progress,
    /// The places of connections that the server did not accept.
    refused: Vec<OwnedSemaphorePermit>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// The server waits for the next call.
    Ready,
    /// A call is under way.
    Busy,
    /// A transaction is open, and a call may be under way in it.
    InTransaction,
}

impl ExclusiveLease {
    /// Returns the connection if a transaction is open on it.
    pub(super) fn in_transaction(&self) -> Option<Arc<OpenConnection>> {
        let connection = self.connection.as_ref()?;
        (self.progress == Progress::InTransaction).then(|| Arc::clone(&connection.open))
    }

    /// Notes whether a transaction is open. A drop rolls it back.
    pub(super) fn set_in_transaction(&mut self, in_transaction: bool) {
        self.progress = if in_transaction {
            Progress::InTransaction
        } else {
            Progress::Ready
        };
    }
}

impl Lease for ExclusiveLease {
    async fn connected(&mut self) -> Result<Arc<OpenConnection>, Error> {
        if let Some(connection) = &self.connection {
            return Ok(Arc::clone(&connection.open));
        }
        let place = self.place.as_ref().ok_or_else(Error::pool_closed)?;
        let (pool, give_up) = (
            Arc::clone(&place.pool),
            Instant::now() + place.pool.limits.wait,
        );
        loop {
            if pool.places.is_closed() {
                return Err(Error::pool_closed());
            }
            let count = Count::new(&pool.open);
            let error = match OpenConnection::open(&pool.connector).await {
                Ok(open) => {
                    if pool.places.is_closed() {
                        return Err(Error::pool_closed());
                    }
                    let open = Arc::new(open);
                    self.connection = Some(Counted {
                        open: Arc::clone(&open),
                        _count: count,
                    });
                    return Ok(open);
                }
                Err(error) => error,
            };
            drop(count);
            if !error.is_out_of_connections() || pool.open.load(Ordering::Relaxed) == 0 {
                return Err(error);
            }
            // The server accepts no more. One that is open will be released. This place stays in use, so that fewer calls wait for
            // more.
            let Ok(permit) = pool.places.take(give_up).await else {
                return Err(error);
            };
            self.refused.push(permit);
            let idle = pool.idle().pop_back();
            if let Some(idle) = idle.filter(|idle| idle.connection.open.is_usable()) {
                let open = Arc::clone(&idle.connection.open);
                self.connection = Some(idle.connection);
                return Ok(open);
            }
        }
    }

    fn discard(&mut self) {
        self.connection = None;
        self.progress = Progress::Ready;
    }

    fn set_under_way(&mut self, under_way: bool) {
        self.progress = if under_way {
            Progress::Busy
        } else {
            Progress::Ready
        };
    }
}

impl Drop for ExclusiveLease {
    fn drop(&mut self) {
        let (Some(place), Some(connection)) = (self.place.take(), self.connection.take()) else {
            return;
        };
        if self.progress == Progress::Ready || !connection.open.is_usable() {
            place.release(Some(connection));
            return;
        }
        // The caller was cancelled, or its work failed or panicked.
        let rolls_back = self.progress == Progress::InTransaction;
        let open = Arc::clone(&connection.open);
        open.after_last_reply(rolls_back, move |open, is_usable| {
            drop(open);
            place.release(is_usable.then_some(connection));
        });
    }
}
