use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use uuid::Uuid;

use crate::session::client_getters::client_getters;
use crate::session::state::SessionState;

/// What the store knows of a session besides its data. From [`Store::info`](crate::Store::info).
///
/// Nothing is known of a [missing](SessionState::Missing) session, and little of an [ended](SessionState::Ended) one. `Debug`
/// shows state, handle and times only, because the rest is personal.
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
    /// Returns whether the session is live, and if not, why. Do not show it to the visitor.
    #[must_use]
    pub fn state(&self) -> SessionState {
        self.state
    }

    /// Returns the session's handle, which names it where its id must not be shown.
    #[must_use]
    pub fn handle(&self) -> Option<Uuid> {
        self.handle
    }

    /// Returns the user whose session it is or was.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    /// Returns the time of creation.
    #[must_use]
    pub fn created_at(&self) -> Option<SystemTime> {
        self.created_at
    }

    /// Returns the time of the last use. It is as exact as the expiry, which moves only when a slide is due.
    #[must_use]
    pub fn last_used_at(&self) -> Option<SystemTime> {
        self.last_used_at
    }

    /// Returns when the session expires if it is not used, or when it expired.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// Returns when the absolute timeout ends.
    #[must_use]
    pub fn absolute_expires_at(&self) -> Option<SystemTime> {
        self.absolute_expires_at
    }

    client_getters!();
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
