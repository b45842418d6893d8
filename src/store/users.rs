//! The sessions of a user.

use uuid::Uuid;

use super::store::Store;
use crate::connection::Backend;
use crate::error::Error;
use crate::functions::{EndUserSession, EndUserSessions, ListUserSessions};
use crate::session::{SessionId, UserSession};

impl<B: Backend> Store<B> {
    /// Lists the live sessions of a user, the last used first, for a page "your devices".
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use connect_pg::{Error, SessionId, Store};
    /// # fn devices(store: &Store, current: &SessionId) -> Result<(), Error> {
    /// let current = store.info(current)?.handle();
    /// for device in store.user_sessions("4711")? {
    ///     let name = device.label().or(device.user_agent()).unwrap_or("unknown device");
    ///     let mark = if Some(device.handle()) == current { " (this one)" } else { "" };
    ///     println!("{} {name}{mark}", device.handle());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn user_sessions(&self, user_id: &str) -> Result<Vec<UserSession>, Error> {
        self.call(&ListUserSessions::new(user_id)?)
    }

    /// Ends one session of a user: "log out this device". Returns true if it was live.
    ///
    /// The user id is checked besides the handle, so that a user cannot end another user's session by its handle. Pass the user
    /// who is logged in, not what a form says. If the pool repeated the call after a connection broke, `false` may also mean
    /// that the first attempt ended it.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub fn end_user_session(&self, user_id: &str, handle: Uuid) -> Result<bool, Error> {
        self.call(&EndUserSession::new(user_id, handle)?)
    }

    /// Ends all sessions of a user, or all but the one of this id: "log out everywhere (else)". Returns how many were live.
    ///
    /// Offer it with a change of the password. It also ends the session of a login that began before it. In a transaction,
    /// logins of the user wait for the end of it. If the pool repeated the call after a connection broke, what the first attempt
    /// ended is not counted. ([OWASP ASVS 5.0, 7.4.3][asvs])
    ///
    /// [asvs]: https://github.com/OWASP/ASVS/blob/v5.0.0/5.0/en/0x16-V7-Session-Management.md
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub fn end_user_sessions(
        &self,
        user_id: &str,
        except: Option<&SessionId>,
    ) -> Result<u32, Error> {
        let except = except.map(SessionId::key);
        self.call(&EndUserSessions::new(user_id, except.as_ref())?)
    }
}
