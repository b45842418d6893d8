//! Requests that wait for the end of their session.

use std::time::Duration;

use connect_pg::tokio::Store;
use connect_pg::uuid::Uuid;
use connect_pg::{Error, SessionEvent, SessionId, SessionState};
use tokio::sync::{broadcast, watch};
use tokio::time::sleep;

use crate::awaited::Awaited;

/// How long a request waits. A proxy may end one that waits for longer.
const MAX_WAIT: Duration = Duration::from_secs(25);
/// The pause before the next attempt to listen.
const PAUSE: Duration = Duration::from_secs(5);
/// The ends that a request may leave unread before it looks for itself.
const MAX_UNREAD: usize = 256;

/// Tells pages that their session has ended. A clone is the same.
#[derive(Debug, Clone)]
pub struct Ends {
    store: Store,
    is_listening: watch::Sender<bool>,
    /// The handles of sessions that ended, or None for any session.
    ended: broadcast::Sender<Option<Uuid>>,
}

impl Ends {
    /// Listens in a task of its own. The database may start later than the web server.
    #[must_use]
    pub fn start(store: Store) -> Ends {
        let ends = Ends {
            store,
            is_listening: watch::Sender::new(false),
            ended: broadcast::Sender::new(MAX_UNREAD),
        };
        tokio::spawn(ends.clone().listen());
        ends
    }

    async fn listen(self) {
        let mut listener = loop {
            match self.store.listen().await {
                Ok(listener) => break listener,
                Err(error) if error.is_notifications_off() => {
                    tracing::warn!(
                        "pages do not notice a logout on another device; hint: session-admin configure notify_channel=sessions"
                    );
                    return;
                }
                Err(error) => tracing::warn!(%error, "cannot listen"),
            }
            sleep(PAUSE).await;
        };
        self.is_listening.send_replace(true);
        tracing::info!("pages notice a logout on another device");
        loop {
            let handle = match listener.recv().await {
                Ok(SessionEvent::Ended(ended)) => ended.handle(),
                // Events may have been lost. Each request looks for itself.
                Ok(_) => None,
                Err(error) => {
                    tracing::warn!(%error, "cannot listen");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            // An error means that no page waits.
            let _ = self.ended.send(handle);
        }
    }

    /// Lets all requests go on, and no further one wait: the server stops.
    pub fn stop(&self) {
        self.is_listening.send_replace(false);
    }

    /// Waits until the session ends, or for a while.
    ///
    /// # Errors
    ///
    /// Those of each call of the store.
    pub async fn wait(&self, id: &SessionId) -> Result<Awaited, Error> {
        // Before it looks at the session, so that no end is missed.
        let mut ended = self.ended.subscribe();
        let mut is_listening = self.is_listening.subscribe();
        let info = self.store.info(id).await?;
        let Some(handle) = info.handle().filter(|_| info.state() == SessionState::Live) else {
            return Ok(Awaited::after(info.state()));
        };
        if !*is_listening.borrow() {
            return Ok(Awaited::NoEvents);
        }
        let this_session = async {
            while let Ok(Some(other)) = ended.recv().await {
                if other == handle {
                    break;
                }
            }
        };
        tokio::select! {
            () = this_session => {}
            _ = is_listening.wait_for(|listening| !listening) => {}
            () = sleep(MAX_WAIT) => {}
        }
        Ok(Awaited::after(self.store.info(id).await?.state()))
    }
}
