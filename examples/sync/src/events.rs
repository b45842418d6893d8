//! Requests that wait for the end of their session.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use connect_pg::uuid::Uuid;
use connect_pg::{Error, SessionEvent, SessionId, SessionState, Store};
use example_site::Awaited;

use crate::application::log;

/// How long a request waits. A proxy may end one that waits for longer.
const MAX_WAIT: Duration = Duration::from_secs(25);
/// The number of requests that wait, each with a thread. The server has twice as many.
const MAX_WAITING: usize = 32;
/// The pause before the next attempt to listen.
const PAUSE: Duration = Duration::from_secs(5);

/// The requests that wait.
#[derive(Default)]
pub struct Events(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    is_listening: bool,
    next: u64,
    by_number: HashMap<u64, (Uuid, SyncSender<()>)>,
}

impl Events {
    /// Listens on a thread of its own. The database may start later than the web server.
    pub fn start(store: Store) -> Arc<Events> {
        let events = Arc::new(Events::default());
        let listening = Arc::clone(&events);
        thread::spawn(move || listening.listen(&store));
        events
    }

    fn listen(&self, store: &Store) {
        let mut listener = loop {
            match store.listen() {
                Ok(listener) => break listener,
                Err(error) if error.is_notifications_off() => {
                    log(
                        "pages do not notice a logout on another device; hint: session-admin configure notify_channel=sessions",
                    );
                    return;
                }
                Err(error) => log(&format!("cannot listen: {error}")),
            }
            thread::sleep(PAUSE);
        };
        self.change(|waiting| waiting.is_listening = true);
        log("pages notice a logout on another device");
        loop {
            match listener.recv_timeout(MAX_WAIT) {
                Ok(Some(SessionEvent::Ended(ended))) => self.wake(ended.handle()),
                // Events may have been lost. Each request looks for itself.
                Ok(Some(_)) => self.wake(None),
                Ok(None) => {}
                Err(error) => {
                    log(&format!("cannot listen: {error}"));
                    thread::sleep(PAUSE);
                }
            }
        }
    }

    /// Lets the requests of a session go on, or all.
    fn wake(&self, handle: Option<Uuid>) {
        self.change(|waiting| {
            waiting.by_number.retain(|_, (of, request)| {
                let is_meant = handle.is_none_or(|handle| handle == *of);
                !(is_meant && request.try_send(()).is_ok())
            });
        });
    }

    /// Lets all requests go on, and no further one wait.
    pub fn stop(&self) {
        self.change(|waiting| waiting.is_listening = false);
        self.wake(None);
    }

    /// Waits until the session ends, or for a while.
    pub fn wait_for_end(&self, store: &Store, id: &SessionId) -> Result<Awaited, Error> {
        let info = store.info(id)?;
        let Some(handle) = info.handle().filter(|_| info.state() == SessionState::Live) else {
            return Ok(Awaited::after(info.state()));
        };
        let Some((number, receiver)) = self.register(handle) else {
            return Ok(Awaited::NoEvents);
        };
        // It may have ended before it was registered.
        let mut state = store.info(id).map(|info| info.state());
        if matches!(state, Ok(SessionState::Live)) && receiver.recv_timeout(MAX_WAIT).is_ok() {
            state = store.info(id).map(|info| info.state());
        }
        self.change(|waiting| waiting.by_number.remove(&number));
        state.map(Awaited::after)
    }

    fn register(&self, handle: Uuid) -> Option<(u64, Receiver<()>)> {
        self.change(|waiting| {
            if !waiting.is_listening || waiting.by_number.len() >= MAX_WAITING {
                return None;
            }
            let (sender, receiver) = mpsc::sync_channel(1);
            waiting.next += 1;
            waiting.by_number.insert(waiting.next, (handle, sender));
            Some((waiting.next, receiver))
        })
    }

    fn change<R>(&self, change: impl FnOnce(&mut Waiting) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
