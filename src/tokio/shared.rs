//! Connections on which the calls of many tasks are under way at once, one behind the other.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, watch};

use super::lease::Lease;
use super::limits::{Deadline, Limits, NoPlace, Places};
use super::open_connection::{OpenConnection, current_runtime};
use crate::connection::Connector;
use crate::error::Error;

/// The calls that may be under way on one connection. Others wait, so that a call that is dropped while it waits costs nothing.
pub(super) const MAX_PIPELINED: usize = 128;

/// The connections. A call takes the one with the fewest calls under way.
pub(super) struct SharedConnections {
    connector: Arc<Connector>,
    limits: Limits,
    places: Places,
    /// For loads and groups of loads, as many as there are connections, so that others wait and share the next one.
    load_places: Places,
    connections: Vec<SharedConnection>,
}

/// One connection, which is opened by one task however many calls wait for it.
struct SharedConnection {
    state: Arc<Mutex<State>>,
    under_way: AtomicU32,
    /// When the last call ended.
    last_used: Mutex<Instant>,
}

enum State {
    Unopened,
    Opening(watch::Receiver<Option<Opened>>),
    Open(Arc<OpenConnection>),
}

type Opened = Result<Arc<OpenConnection>, Error>;

impl SharedConnections {
    pub(super) fn new(
        connector: Arc<Connector>,
        limits: Limits,
        places: Places,
        load_places: Places,
        count: usize,
    ) -> Arc<SharedConnections> {
        let connections = (0..count).map(|_| SharedConnection {
            state: Arc::new(Mutex::new(State::Unopened)),
            under_way: AtomicU32::new(0),
            last_used: Mutex::new(Instant::now()),
        });
        Arc::new(SharedConnections {
            connector,
            limits,
            places,
            load_places,
            connections: connections.collect(),
        })
    }

    /// Takes a place for one call.
    pub(super) async fn take(self: &Arc<Self>, deadline: Deadline) -> Result<SharedLease, Error> {
        let permit = self.places.take(deadline.at).await;
        let permit = permit.map_err(|reason| match reason {
            NoPlace::Closed => Error::pool_closed(),
            NoPlace::Timeout => {
                Error::pool_timeout(deadline.timeout, self.connector.activity().in_use())
            }
        })?;
        Ok(self.lease(permit, None))
    }

    /// Takes a place for a group of loads. Waits for `timeout`.
    pub(super) async fn take_for_group(
        self: &Arc<Self>,
        timeout: Duration,
    ) -> Result<SharedLease, NoPlace> {
        let give_up = Instant::now() + timeout;
        let load = self.load_places.take_for_group(give_up).await?;
        let permit = self.places.take_for_group(give_up).await?;
        Ok(self.lease(permit, Some(load)))
    }

    /// Takes a place for a load if one is free.
    pub(super) fn try_take_for_load(self: &Arc<Self>) -> Option<SharedLease> {
        let load = self.load_places.try_take()?;
        let permit = self.places.try_take()?;
        Some(self.lease(permit, Some(load)))
    }

    fn lease(
        self: &Arc<Self>,
        permit: OwnedSemaphorePermit,
        load: Option<OwnedSemaphorePermit>,
    ) -> SharedLease {
        let calls = |at: &usize| self.connections[*at].under_way.load(Ordering::Relaxed);
        let at = (0..self.connections.len()).min_by_key(calls).unwrap_or(0);
        self.connections[at]
            .under_way
            .fetch_add(1, Ordering::Relaxed);
        SharedLease {
            place: Some(Place {
                pool: Arc::clone(self),
                at,
                _permit: permit,
                _load: load,
            }),
            open: None,
            is_under_way: false,
        }
    }

    /// Returns how many connections are open or being opened, and how many of them are idle.
    pub(super) fn status(&self) -> (u32, u32) {
        let (mut open, mut idle) = (0, 0);
        for connection in &self.connections {
            if connection.is_open() {
                open += 1;
                idle += u32::from(connection.under_way.load(Ordering::Relaxed) == 0);
            }
        }
        (open, idle)
    }

    pub(super) fn close(&self) {
        self.places.close();
        self.load_places.close();
        for connection in &self.connections {
            *lock(&connection.state) = State::Unopened;
        }
    }
}

impl SharedConnections {
    /// Returns an open connection, and its number.
    fn open_elsewhere(&self) -> Option<(usize, Arc<OpenConnection>)> {
        let mut connections = self.connections.iter().enumerate();
        connections.find_map(|(at, connection)| match &*lock(&connection.state) {
            State::Open(open) if open.is_usable() => Some((at, Arc::clone(open))),
            _ => None,
        })
    }
}

impl SharedConnection {
    /// Returns the connection, or the task that opens one. None is opened after the pool is closed.
    fn state(&self, pool: &SharedConnections) -> Result<State, Error> {
        let (connector, limits) = (&pool.connector, pool.limits);
        let mut state = lock(&self.state);
        if pool.places.is_closed() {
            return Ok(State::Unopened);
        }
        match &*state {
            State::Open(open)
                if open.is_usable() && !limits.is_expired(open, self.idle_since()) =>
            {
                return Ok(State::Open(Arc::clone(open)));
            }
            // The task ended without a result if its runtime has shut down.
            State::Opening(result) if result.has_changed().is_ok() || result.borrow().is_some() => {
                return Ok(State::Opening(result.clone()));
            }
            _ => {}
        }
        let result = open(connector, &self.state)?;
        *state = State::Opening(result.clone());
        Ok(State::Opening(result))
    }

    /// Returns since when the only call that is under way, the caller's, could have found the connection idle.
    fn idle_since(&self) -> Option<Instant> {
        let is_alone = self.under_way.load(Ordering::Relaxed) <= 1;
        is_alone.then(|| *lock(&self.last_used))
    }

    fn is_open(&self) -> bool {
        match &*lock(&self.state) {
            State::Unopened => false,
            State::Opening(_) => true,
            State::Open(open) => open.is_usable(),
        }
    }

    /// Leaves a connection that is lost, unless another call has replaced it.
    fn discard(&self, lost: &Arc<OpenConnection>) {
        let mut state = lock(&self.state);
        if matches!(&*state, State::Open(open) if Arc::ptr_eq(open, lost)) {
            *state = State::Unopened;
        }
    }
}

/// Starts a task that opens a connection. It goes on if the caller is dropped, because other calls wait for it too.
fn open(
    connector: &Arc<Connector>,
    state: &Arc<Mutex<State>>,
) -> Result<watch::Receiver<Option<Opened>>, Error> {
    let (sender, receiver) = watch::channel(None);
    let (connector, state) = (Arc::clone(connector), Arc::clone(state));
    current_runtime()?.spawn(async move {
        let mut opened = OpenConnection::open(&connector).await.map(Arc::new);
        {
            let mut state = lock(&state);
            if matches!(&*state, State::Opening(_)) {
                *state = match &opened {
                    Ok(open) => State::Open(Arc::clone(open)),
                    Err(_) => State::Unopened,
                };
            } else {
                // The store was closed meanwhile.
                opened = Err(Error::pool_closed());
            }
        }
        sender.send_replace(Some(opened));
    });
    Ok(receiver)
}

// Nothing panics while it holds one of these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place among the calls of one connection.
struct Place {
    pool: Arc<SharedConnections>,
    at: usize,
    _permit: OwnedSemaphorePermit,
    _load: Option<OwnedSemaphorePermit>,
}

impl Place {
    fn connection(&self) -> &SharedConnection {
        &self.pool.connections[self.at]
    }

    /// Returns the connection when it is open. Returns None if the task that opens it ended with its runtime.
    async fn open(&self) -> Result<Option<Arc<OpenConnection>>, Error> {
        match self.connection().state(&self.pool)? {
            State::Open(open) => Ok(Some(open)),
            State::Opening(mut result) => match result.wait_for(Option::is_some).await.as_deref() {
                Ok(Some(Ok(open))) => Ok(Some(Arc::clone(open))),
                Ok(Some(Err(error))) => Err(error.share()),
                Ok(None) | Err(_) => Ok(None),
            },
            State::Unopened => Err(Error::pool_closed()),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *lock(&self.connection().last_used) = Instant::now();
        self.connection().under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The use of a shared connection for one call.
pub(super) struct SharedLease {
    /// None after the drop has handed it over.
    place: Option<Place>,
    open: Option<Arc<OpenConnection>>,
    is_under_way: bool,
}

impl SharedLease {
    /// Moves the call to another connection.
    fn move_to(&mut self, at: usize) {
        if let Some(place) = &mut self.place {
            place.connection().under_way.fetch_sub(1, Ordering::Relaxed);
            place.at = at;
            place.connection().under_way.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Lease for SharedLease {
    async fn connected(&mut self) -> Result<Arc<OpenConnection>, Error> {
        let Some(place) = &self.place else {
            return Err(Error::pool_closed());
        };
        // The runtime of another caller may shut down while its task opens the connection.
        let opened = match place.open().await {
            Ok(None) => place.open().await,
            opened => opened,
        };
        let opened = match opened {
            Err(error) if error.is_out_of_connections() => {
                let other = place.pool.open_elsewhere();
                let (at, open) = other.ok_or(error)?;
                self.move_to(at);
                Some(open)
            }
            opened => opened?,
        };
        let open = opened.ok_or_else(Error::no_runtime)?;
        self.open = Some(Arc::clone(&open));
        Ok(open)
    }

    fn discard(&mut self) {
        if let (Some(place), Some(open)) = (&self.place, self.open.take()) {
            place.connection().discard(&open);
        }
    }

    fn set_under_way(&mut self, under_way: bool) {
        self.is_under_way = under_way;
    }
}

impl Drop for SharedLease {
    fn drop(&mut self) {
        let (Some(place), Some(open)) = (self.place.take(), self.open.take()) else {
            return;
        };
        if self.is_under_way && open.is_usable() {
            // The caller was cancelled.
            open.after_last_reply(false, move |_, _| drop(place));
        }
    }
}
