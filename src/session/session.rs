use std::fmt;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::session::id::SessionId;
use crate::session::key::SessionKey;

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
    pub(crate) expiry: Expiry,
    pub(crate) user_id: Option<String>,
    pub(crate) handle: Option<Uuid>,
}

/// When a session expires if it is not used, by the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expiry {
    pub(crate) at: SystemTime,
    /// The time left when the server replied.
    pub(crate) left: Duration,
}

#[cfg(test)]
impl Expiry {
    pub(crate) const NEVER: Expiry = Expiry {
        at: SystemTime::UNIX_EPOCH,
        left: Duration::MAX,
    };
}

impl<T> Session<T> {
    /// Returns the secret to put into the visitor's cookie.
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// Returns the version of the data as loaded, created or last saved. It grows with each change of what is stored, and stays
    /// when the session is used.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Returns when the session expires if it is not used again, by the database's clock.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expiry.at
    }

    /// Returns how long after the last call the session expires if it is not used again: after the server's reply to the call
    /// that created, loaded, saved or rotated it.
    ///
    /// It is computed by the database's clock alone, so a clock of this computer that is wrong has no effect on it.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.expiry.left
    }

    /// Returns [`expires_in`](Session::expires_in) in whole seconds: the `Max-Age` of a cookie that expires with the session.
    #[must_use]
    pub fn max_age(&self) -> u64 {
        self.expiry.left.as_secs()
    }

    /// Returns the user whose session it is, or `None` for an anonymous one. [`login`](crate::Store::login) or
    /// [`SessionAttributes::user_id`](crate::SessionAttributes::user_id) sets it.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    /// Returns the session's handle: a name that is not secret, for other tables to refer to and for ending one session of a user.
    ///
    /// Only [`create`](crate::Store::create) returns a session with its handle. A load does not fetch it; call
    /// [`Store::info`](crate::Store::info). The handle stays when the id changes, until the user changes.
    #[must_use]
    pub fn handle(&self) -> Option<Uuid> {
        self.handle
    }

    /// Takes over the new id. The version stays: that of the stored data may be another client's by now.
    pub(crate) fn set_id(&mut self, id: SessionId, key: SessionKey, expiry: Expiry) {
        self.id = id;
        self.key = key;
        self.expiry = expiry;
    }

    /// Takes over the user after a login.
    pub(crate) fn set_user(&mut self, user_id: &str) {
        if self.user_id.as_deref().is_some_and(|old| old != user_id) {
            self.handle = None; // it named another user's session
        }
        self.user_id = Some(user_id.to_owned());
    }

    /// Removes the user after a logout, and the handle, which the session has lost.
    pub(crate) fn set_anonymous(&mut self) {
        self.user_id = None;
        self.handle = None;
    }

    /// Takes over what a save returned.
    pub(crate) fn set_saved(&mut self, version: i64, expiry: Expiry) {
        self.version = version;
        self.expiry = expiry;
    }
}

impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("handle", &self.handle)
            .field("version", &self.version)
            .field("expires_at", &self.expiry.at)
            .finish_non_exhaustive()
    }
}
