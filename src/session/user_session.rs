use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use uuid::Uuid;

/// One of a user's live sessions, for a page "your devices". From [`Store::user_sessions`](crate::Store::user_sessions).
///
/// Neither data nor id: who reads the list can be none of them. `Debug` shows handle and times only, since the rest is personal.
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
    /// What [`end_user_session`](crate::Store::end_user_session) ends it by. It is no secret; a form may hold it.
    #[must_use]
    pub fn handle(&self) -> Uuid {
        self.handle
    }

    /// When the session was created.
    #[must_use]
    pub fn created_at(&self) -> SystemTime {
        self.created_at
    }

    /// When it was last used: as exact as its expiry, which is moved only when a slide is due, so up to 10 minutes ago.
    #[must_use]
    pub fn last_used_at(&self) -> SystemTime {
        self.last_used_at
    }

    /// When it expires if it is not used again.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// The address that it was created, or logged in, from.
    #[must_use]
    pub fn client_address(&self) -> Option<IpAddr> {
        self.client_address
    }

    /// The browser that it was created, or logged in, with. It comes from the visitor: escape it.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// Its label.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }
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
