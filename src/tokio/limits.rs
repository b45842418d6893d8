//! What bounds the pool: its places, and the age of its connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

use super::open_connection::OpenConnection;

/// The age at which connections are replaced.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) max_lifetime: Duration,
    pub(super) idle_timeout: Option<Duration>,
    /// How long a call waits for a connection.
    pub(super) wait: Duration,
}

impl Limits {
    /// Returns true if the connection must be replaced. `idle_since` is None while a call uses it.
    pub(super) fn is_expired(self, open: &OpenConnection, idle_since: Option<Instant>) -> bool {
        let idle = idle_since.zip(self.idle_timeout);
        open.is_older_than(self.max_lifetime)
            || idle.is_some_and(|(since, timeout)| since.elapsed() >= timeout)
    }
}

/// How long a call waits for a place, also if it does so more than once.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    /// All of it, for the error.
    pub(super) timeout: Duration,
    pub(super) at: Instant,
}

impl Deadline {
    /// Returns the deadline of a wait that begins now.
    pub(super) fn after(timeout: Duration) -> Deadline {
        Deadline {
            timeout,
            at: Instant::now() + timeout,
        }
    }
}

/// A number of places. Callers wait for one in the order in which they came.
#[derive(Clone)]
pub(super) struct Places {
    semaphore: Arc<Semaphore>,
    waits: Arc<Waits>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// All stayed taken.
    Timeout,
    Closed,
}

/// The calls that wait for a place, and those that have got one.
#[derive(Default)]
pub(super) struct Waits {
    waiting: AtomicU32,
    hand_offs: AtomicU64,
}

impl Waits {
    /// Returns how many calls wait.
    pub(super) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Returns how many calls have waited and got a place.
    pub(super) fn hand_offs(&self) -> u64 {
        self.hand_offs.load(Ordering::Relaxed)
    }
}

impl Places {
    pub(super) fn new(count: usize, waits: &Arc<Waits>) -> Places {
        Places {
            semaphore: Arc::new(Semaphore::new(count)),
            waits: Arc::clone(waits),
        }
    }

    /// Takes a place. Waits for it until `give_up` if all are taken.
    pub(super) async fn take(&self, give_up: Instant) -> Result<OwnedSemaphorePermit, NoPlace> {
        if let Some(permit) = self.try_take() {
            return Ok(permit);
        }
        let _waiting = Waiting::new(&self.waits);
        let permit = self.take_for_group(give_up).await?;
        self.waits.hand_offs.fetch_add(1, Ordering::Relaxed);
        Ok(permit)
    }

    /// Takes a place for calls that are counted as waiting elsewhere.
    pub(super) async fn take_for_group(
        &self,
        give_up: Instant,
    ) -> Result<OwnedSemaphorePermit, NoPlace> {
        let acquired = Arc::clone(&self.semaphore).acquire_owned();
        match timeout_at(give_up.into(), acquired).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(NoPlace::Closed),
            Err(_) => Err(NoPlace::Timeout),
        }
    }

    /// Takes a place if one is free and no caller waits.
    pub(super) fn try_take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.semaphore).try_acquire_owned().ok()
    }

    /// Refuses all who wait and who come.
    pub(super) fn close(&self) {
        self.semaphore.close();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.semaphore.is_closed()
    }
}

struct Waiting<'a>(&'a Waits);

impl<'a> Waiting<'a> {
    fn new(waits: &'a Waits) -> Waiting<'a> {
        waits.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(waits)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
