use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use uuid::Uuid;

use crate::session::client_getters::client_getters;

/// One of a user's live sessions, for a page "your devices". From [`Store::user_sessions`](crate::Store::user_sessions).
///
/// It has neither data nor id, so the list gives no access to a session. `Debug` shows handle and times only, because the rest is
/// personal.
#[derive(Clone)]
pub struct UserSession {
    pub(crate) handle: Uuid,
    pub(crate) created_at: SystemTime,
    pub(crate) last_used_at: SystemTime,
    pub(crate) expires_at: SystemTime,
    pub(crate) client_address: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
    pub(crate) label: Option<String>,
}

impl UserSession {
    /// Returns the handle, by which [`end_user_session`](crate::Store::end_user_session) ends the session. It is not secret; a
    /// form may hold it.
    #[must_use]
    pub fn handle(&self) -> Uuid {
        self.handle
    }

    /// Returns the time of creation.
    #[must_use]
    pub fn created_at(&self) -> SystemTime {
        self.created_at
    }

    /// Returns the time of the last use. It is as exact as the expiry, which moves only when a slide is due: within 10 minutes.
    #[must_use]
    pub fn last_used_at(&self) -> SystemTime {
        self.last_used_at
    }

    /// Returns when the session expires if it is not used again.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    client_getters!();
}

impl fmt::Debug for UserSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserSession")
            .field("handle", &self.handle)
            .field("created_at", &self.created_at)
            .field("last_used_at", &self.last_used_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
