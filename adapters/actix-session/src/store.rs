use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use actix_session::storage::SessionKey;
use connect_pg::tokio::Store;
use connect_pg::{Error, SessionId};

/// Finds the user of a session in its state.
type UserId = Arc<dyn Fn(&HashMap<String, String>) -> Option<String> + Send + Sync>;

/// The store, for `SessionMiddleware::new`.
///
/// A clone shares the connections. `Debug` shows no connection string.
#[derive(Clone)]
pub struct ConnectPgSessionStore {
    pub(crate) store: Store,
    user_id: Option<UserId>,
}

impl ConnectPgSessionStore {
    /// Creates a session store over a store of connect-pg.
    #[must_use]
    pub fn new(store: Store) -> ConnectPgSessionStore {
        ConnectPgSessionStore {
            store,
            user_id: None,
        }
    }

    /// Sets how the user of a new session is found in its state. By default no session has a user.
    ///
    /// The values of the state are JSON: a user `"ada"` has its quotation marks there.
    #[must_use]
    pub fn with_user_id(
        mut self,
        user_id: impl Fn(&HashMap<String, String>) -> Option<String> + Send + Sync + 'static,
    ) -> ConnectPgSessionStore {
        self.user_id = Some(Arc::new(user_id));
        self
    }

    /// Returns the store of connect-pg: for the devices of a user, to end sessions, and to prune.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the id of a session in the [store](ConnectPgSessionStore::store).
    ///
    /// # Errors
    ///
    /// Returns an error if the key is not 1 to 1024 bytes without a NUL. The keys of this store are 43 characters.
    pub fn session_id(key: &SessionKey) -> Result<SessionId, Error> {
        SessionId::foreign(key.as_ref()).map_err(Error::from)
    }

    pub(crate) fn has_users(&self) -> bool {
        self.user_id.is_some()
    }

    pub(crate) fn user_of(&self, state: &HashMap<String, String>) -> Option<String> {
        self.user_id.as_ref().and_then(|user_id| user_id(state))
    }
}

impl fmt::Debug for ConnectPgSessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectPgSessionStore")
            .finish_non_exhaustive()
    }
}
