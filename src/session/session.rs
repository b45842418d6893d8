use std::fmt;
use std::time::SystemTime;

use uuid::Uuid;

use crate::session::{SessionId, SessionKey};

/// A session: its data, typed, and what the store knows of it.
///
/// It is a copy in memory. Nothing is stored until [`Store::save`](crate::Store::save). `Debug` shows neither the id nor the data.
#[derive(Clone)]
pub struct Session<T> {
    /// The application's data. Change it, then [save](crate::Store::save).
    pub data: T,
    pub(crate) id: SessionId,
    pub(crate) key: SessionKey,
    pub(crate) version: i64,
    pub(crate) expires_at: SystemTime,
    pub(crate) user_id: Option<String>,
    pub(crate) handle: Option<Uuid>,
}

impl<T> Session<T> {
    /// Takes over what a save returned.
    pub(crate) fn set_saved(&mut self, version: i64, expires_at: SystemTime) {
        self.version = version;
        self.expires_at = expires_at;
    }

    /// The secret to put into the visitor's cookie.
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// The version of the data as loaded, created or last saved. It grows with each change of what is stored; using a
    /// session does not change it.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// When the session will expire if it is not used again, by the database's clock.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// The user whose session it is, or `None` for an anonymous one: set by [`login`](crate::Store::login) or
    /// [`NewSession::user_id`](crate::NewSession::user_id).
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    /// The session's handle: a name that is no secret, for other tables to refer to and for ending one session of a user's.
    ///
    /// Known to the [`create`](crate::Store::create) that made the session; a loaded session has `None`, since the hot path
    /// does not fetch it: ask [`Store::info`](crate::Store::info). It stays when the id changes, until the session is another
    /// user's or nobody's.
    #[must_use]
    pub fn handle(&self) -> Option<Uuid> {
        self.handle
    }
}

impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("handle", &self.handle)
            .field("version", &self.version)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
