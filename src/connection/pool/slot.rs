use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Where one waiting thread gets its answer.
#[derive(Debug)]
pub(super) struct Slot<M> {
    message: Mutex<Option<M>>,
    arrived: Condvar,
}

impl<M> Default for Slot<M> {
    fn default() -> Slot<M> {
        Slot {
            message: Mutex::new(None),
            arrived: Condvar::new(),
        }
    }
}

impl<M> Slot<M> {
    /// Puts the answer there, without waking the thread.
    pub(super) fn put(&self, message: M) {
        *self.lock() = Some(message);
    }

    /// Wakes the thread. Call it without a lock that the thread needs, or it wakes only to wait for that.
    pub(super) fn wake(&self) {
        self.arrived.notify_one();
    }

    /// Takes the answer, if it is there.
    pub(super) fn take(&self) -> Option<M> {
        self.lock().take()
    }

    #[cfg(test)]
    pub(super) fn is_filled(&self) -> bool {
        self.lock().is_some()
    }

    /// Waits for the answer.
    pub(super) fn wait(&self) -> M {
        let mut message = self.lock();
        loop {
            if let Some(message) = message.take() {
                return message;
            }
            message = self
                .arrived
                .wait(message)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for the answer, but no longer than until then.
    pub(super) fn wait_until(&self, give_up: Instant) -> Option<M> {
        let mut message = self.lock();
        loop {
            if let Some(message) = message.take() {
                return Some(message);
            }
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            message = self
                .arrived
                .wait_timeout(message, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    // Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Option<M>> {
        self.message.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
