use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use uuid::Uuid;

use crate::session::SessionState;

/// What the store knows of a session, besides its data. From [`Store::info`](crate::Store::info).
///
/// Of a session that is [missing](SessionState::Missing) nothing is known, and of one that was
/// [ended](SessionState::Ended) little. `Debug` shows state, handle and times only, since the rest is personal.
#[derive(Clone)]
pub struct SessionInfo {
    pub(crate) state: SessionState,
    pub(crate) handle: Option<Uuid>,
    pub(crate) user_id: Option<String>,
    pub(crate) created_at: Option<SystemTime>,
    pub(crate) last_used_at: Option<SystemTime>,
    pub(crate) expires_at: Option<SystemTime>,
    pub(crate) absolute_expires_at: Option<SystemTime>,
    pub(crate) client_address: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
    pub(crate) label: Option<String>,
}

impl SessionInfo {
    /// Whether it is live, and if not, why not. Not for the visitor's eyes.
    #[must_use]
    pub fn state(&self) -> SessionState {
        self.state
    }

    /// The session's handle: its name where its id must not be shown.
    #[must_use]
    pub fn handle(&self) -> Option<Uuid> {
        self.handle
    }

    /// The user whose session it is, or was.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    /// When it was created.
    #[must_use]
    pub fn created_at(&self) -> Option<SystemTime> {
        self.created_at
    }

    /// When it was last used: as exact as its expiry, which is moved only when a slide is due.
    #[must_use]
    pub fn last_used_at(&self) -> Option<SystemTime> {
        self.last_used_at
    }

    /// When it expires if it is not used, or did expire.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// When its absolute timeout is over.
    #[must_use]
    pub fn absolute_expires_at(&self) -> Option<SystemTime> {
        self.absolute_expires_at
    }

    /// The address that it was created, or logged in, from.
    #[must_use]
    pub fn client_address(&self) -> Option<IpAddr> {
        self.client_address
    }

    /// The browser that it was created, or logged in, with.
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

impl fmt::Debug for SessionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionInfo")
            .field("state", &self.state)
            .field("handle", &self.handle)
            .field("created_at", &self.created_at)
            .field("last_used_at", &self.last_used_at)
            .field("expires_at", &self.expires_at)
            .field("absolute_expires_at", &self.absolute_expires_at)
            .finish_non_exhaustive()
    }
}
