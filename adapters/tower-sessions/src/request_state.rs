use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connect_pg::tokio::Store;
use connect_pg::{Error, SessionAttributes, SessionId};
use tokio::runtime::Handle;

tokio::task_local! {
    static CURRENT: Arc<RequestState>;
}

/// What the calls of one request have in common.
pub(crate) struct RequestState {
    store: Store,
    attributes: SessionAttributes,
    sessions: Mutex<Sessions>,
}

#[derive(Default)]
struct Sessions {
    /// The users of each session that was loaded or created.
    users: HashMap<String, Users>,
    /// Sessions that the handler deleted, until they are ended or have a new id.
    deleted: Vec<String>,
    /// Sessions that could not be loaded and are empty instead.
    stand_ins: Vec<String>,
    is_unavailable: bool,
}

/// Who the user of a session is.
struct Users {
    /// To the database.
    of_session: Option<String>,
    /// To the data. Only this one is known of a session that was imported without its user.
    in_data: Option<String>,
}

impl RequestState {
    pub(crate) fn new(store: Store, attributes: SessionAttributes) -> Arc<RequestState> {
        Arc::new(RequestState {
            store,
            attributes,
            sessions: Mutex::default(),
        })
    }

    /// Returns the state of the request that this task handles, if its layer has been passed.
    pub(crate) fn current() -> Option<Arc<RequestState>> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Returns a future in which this is the state of the request.
    pub(crate) fn scope<F: Future>(
        self: Arc<Self>,
        future: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self, future)
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn attributes(&self) -> SessionAttributes {
        self.attributes.clone()
    }

    /// Notes the user of a session, and the user in its data.
    pub(crate) fn remember(&self, id: &str, of_session: Option<&str>, in_data: Option<&str>) {
        let users = Users {
            of_session: of_session.map(ToOwned::to_owned),
            in_data: in_data.map(ToOwned::to_owned),
        };
        self.sessions().users.insert(id.to_owned(), users);
    }

    /// Returns true if this request has loaded or created the session, and it was another user's or no user's.
    pub(crate) fn has_other_user(&self, id: &str, user: &str) -> bool {
        let sessions = self.sessions();
        sessions.users.get(id).is_some_and(|known| {
            [&known.of_session, &known.in_data]
                .iter()
                .all(|known| known.as_deref() != Some(user))
        })
    }

    /// Returns the user of a session, if this request has loaded or created it and it has one.
    pub(crate) fn user(&self, id: &str) -> Option<String> {
        self.sessions().users.get(id)?.of_session.clone()
    }

    pub(crate) fn delete(&self, id: &str) {
        let mut sessions = self.sessions();
        if !sessions.deleted.iter().any(|deleted| deleted == id) {
            sessions.deleted.push(id.to_owned());
        }
    }

    pub(crate) fn is_deleted(&self, id: &str) -> bool {
        self.sessions().deleted.iter().any(|deleted| deleted == id)
    }

    /// Returns the session that gets `new_id` instead of its own.
    ///
    /// `cycle_id` deletes a session and draws another id for its data. After `flush` the data has the id that it had, so it is
    /// another session.
    pub(crate) fn predecessor(&self, new_id: &str) -> Option<String> {
        let sessions = self.sessions();
        let is_cycled = !sessions.deleted.iter().any(|deleted| deleted == new_id);
        // A second cycle_id deletes an id that was never stored.
        let mut deleted = sessions.deleted.iter().rev().filter(|_| is_cycled);
        let last = deleted.find(|id| sessions.users.contains_key(*id))?;
        Some(last.clone())
    }

    /// Keeps a session from being ended: it has another id now.
    pub(crate) fn keep(&self, id: &str) {
        self.sessions().deleted.retain(|deleted| deleted != id);
    }

    pub(crate) fn set_stand_in(&self, id: &str) {
        self.sessions().stand_ins.push(id.to_owned());
    }

    pub(crate) fn is_stand_in(&self, id: &str) -> bool {
        self.sessions().stand_ins.iter().any(|other| other == id)
    }

    pub(crate) fn set_unavailable(&self) {
        self.sessions().is_unavailable = true;
    }

    pub(crate) fn is_unavailable(&self) -> bool {
        self.sessions().is_unavailable
    }

    /// Ends the sessions that the handler deleted. After an error the client repeats the request.
    pub(crate) async fn finish(&self) -> Result<(), Error> {
        loop {
            let Some(id) = self.sessions().deleted.last().cloned() else {
                return Ok(());
            };
            let ended = end(&self.store, &id).await;
            self.keep(&id);
            if let Err(error) = ended {
                self.sessions().deleted.clear();
                return Err(error);
            }
        }
    }
}

/// Ends a session. Its id comes from tower-sessions, and so it is one.
pub(crate) async fn end(store: &Store, id: &str) -> Result<(), Error> {
    store.end(&SessionId::foreign(id)?).await.map(drop)
}

/// The client went away, or the handler panicked, after a session was deleted.
impl Drop for RequestState {
    fn drop(&mut self) {
        let sessions = self
            .sessions
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let deleted = mem::take(&mut sessions.deleted);
        if deleted.is_empty() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            tracing::error!("a session that was deleted is not ended: no runtime is left");
            return;
        };
        let store = self.store.clone();
        runtime.spawn(async move {
            for id in deleted {
                if let Err(error) = end(&store, &id).await {
                    tracing::error!(%error, "a session that was deleted is not ended");
                }
            }
        });
    }
}
