use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::events::{SessionEvent, SessionListener};

/// How long the thread waits for an event before it looks whether it should stop.
const TURN: Duration = Duration::from_secs(1);
/// The longest pause after errors.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long a drop waits for a call of the application's that is under way.
const LONGEST_STOP: Duration = Duration::from_secs(5);

/// A thread that hears of sessions that end, until this is dropped. From [`SessionListener::spawn`].
///
/// Once it is dropped, nothing is called any more: dropping waits for a call that is under way, at most 5 seconds. The
/// thread closes its connection within about a second. That is safe inside an async runtime.
#[must_use = "listening stops when the watcher is dropped"]
pub struct ListenerThread {
    shared: Arc<Shared>,
    thread: ThreadId,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stop: bool,
    calling: bool,
}

impl ListenerThread {
    pub(crate) fn start(
        mut listener: SessionListener,
        mut hear: impl FnMut(Result<SessionEvent, Error>) + Send + 'static,
    ) -> Result<ListenerThread, Error> {
        let shared = Arc::new(Shared::default());
        let thread = thread::Builder::new()
            .name("connect-pg listener".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.listen_until_stopped(&mut listener, &mut hear)
            })
            .map_err(Error::thread)?;
        Ok(ListenerThread {
            shared,
            thread: thread.thread().id(),
        })
    }
}

impl Drop for ListenerThread {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stop = true;
        self.shared.changed.notify_all();
        if self.thread == thread::current().id() {
            return; // dropped by its own call
        }
        let give_up = Instant::now() + LONGEST_STOP;
        while state.calling {
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.shared.wait(state, left);
        }
    }
}

impl fmt::Debug for ListenerThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenerThread").finish_non_exhaustive()
    }
}

impl Shared {
    // Nothing panics while it holds the lock, and the state is whole at any moment.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        self.changed
            .wait_timeout(state, time)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    fn listen_until_stopped(
        &self,
        listener: &mut SessionListener,
        hear: &mut impl FnMut(Result<SessionEvent, Error>),
    ) {
        let mut failures = 0;
        while !self.lock().stop {
            let heard = match listener.wait(TURN) {
                Ok(None) => continue,
                Ok(Some(event)) => Ok(event),
                Err(error) => Err(error),
            };
            failures = if heard.is_err() { failures + 1 } else { 0 };
            {
                let mut state = self.lock();
                if state.stop {
                    return;
                }
                state.calling = true;
            }
            // A panic in the application's callback is its own; listening goes on.
            let _ = catch_unwind(AssertUnwindSafe(|| hear(heard)));
            self.lock().calling = false;
            self.changed.notify_all();
            if failures > 0 {
                self.pause((TURN * (1 << failures.min(6))).min(LONGEST_PAUSE));
            }
        }
    }

    /// Waits so long, or until it should stop.
    fn pause(&self, time: Duration) {
        let end = Instant::now() + time;
        let mut state = self.lock();
        while !state.stop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.wait(state, left);
        }
    }
}
