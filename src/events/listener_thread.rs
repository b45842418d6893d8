//! A listener on a thread.

use std::fmt;
use std::time::Duration;

use super::event::SessionEvent;
use super::listener::SessionListener;
use crate::error::Error;
use crate::runtime::worker_thread::{StopSignal, WorkerThread, run_callback};

/// How long the thread waits for an event before it checks whether it should stop.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// The longest pause after errors.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// A thread that receives events until this value is dropped. [`SessionListener::spawn`] returns one.
///
/// Dropping it waits for a callback that is running, at most 5 seconds; no callback starts after that. The thread closes its
/// connection within about a second. The drop is safe inside an async runtime.
#[must_use = "listening stops when the thread is dropped"]
pub struct ListenerThread {
    _thread: WorkerThread,
}

impl SessionListener {
    /// Starts a thread that calls `on_event` with each event and each error, until the returned [`ListenerThread`] is
    /// dropped.
    ///
    /// After an error the thread tries again, with growing pauses, until it succeeds.
    ///
    /// # Errors
    ///
    /// Returns an error if the operating system refuses a thread.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use connect_pg::{SessionEvent, Store};
    ///
    /// # fn close_sockets(_: Option<uuid::Uuid>) {}
    /// # fn check_sockets() {}
    /// # fn main() -> Result<(), connect_pg::Error> {
    /// let store = Store::connect("postgresql://nodepg@localhost/app")?;
    /// let thread = store.listen()?.spawn(|event| match event {
    ///     Ok(SessionEvent::Ended(ended)) => close_sockets(ended.handle()),
    ///     Ok(_) => check_sockets(), // events may have been lost
    ///     Err(error) => eprintln!("listening: {error}"),
    /// })?;
    /// // … serve …
    /// drop(thread);
    /// # Ok(())
    /// # }
    /// ```
    pub fn spawn(
        mut self,
        mut on_event: impl FnMut(Result<SessionEvent, Error>) + Send + 'static,
    ) -> Result<ListenerThread, Error> {
        let thread = WorkerThread::spawn("connect-pg listener", move |stop| {
            listen_until_stopped(&mut self, &mut on_event, stop);
        })?;
        Ok(ListenerThread { _thread: thread })
    }
}

impl fmt::Debug for ListenerThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenerThread").finish_non_exhaustive()
    }
}

fn listen_until_stopped(
    listener: &mut SessionListener,
    on_event: &mut impl FnMut(Result<SessionEvent, Error>),
    stop: &StopSignal,
) {
    let mut failures = 0;
    // Only the callback is attached: a drop does not wait for the server.
    while let Some(received) = stop.detached(|| listener.recv_timeout(MAX_WAIT)) {
        let Some(event) = received.transpose() else {
            continue;
        };
        failures = if event.is_err() { failures + 1 } else { 0 };
        run_callback(|| on_event(event));
        if failures > 0 {
            let pause = (MAX_WAIT * (1 << failures.min(6))).min(MAX_PAUSE);
            stop.detached(|| stop.is_set_within(pause));
        }
    }
}
