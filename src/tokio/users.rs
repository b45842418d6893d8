//! The sessions of a user.

use uuid::Uuid;

use super::backend::Backend;
use super::store::Store;
use crate::error::Error;
use crate::functions::{EndUserSession, EndUserSessions, ListUserSessions};
use crate::session::{SessionId, UserSession};

impl<B: Backend> Store<B> {
    /// Lists the live sessions of a user, the last used first, for a page "your devices".
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub async fn user_sessions(&self, user_id: &str) -> Result<Vec<UserSession>, Error> {
        self.call(&ListUserSessions::new(user_id)?).await
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
    pub async fn end_user_session(&self, user_id: &str, handle: Uuid) -> Result<bool, Error> {
        self.call(&EndUserSession::new(user_id, handle)?).await
    }

    /// Ends all sessions of a user, or all but the one of this id: "log out everywhere (else)". Returns how many were live.
    ///
    /// Offer it with a change of the password. It also ends the session of a login that began before it: see
    /// [`Store::end_user_sessions`](crate::Store::end_user_sessions).
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub async fn end_user_sessions(
        &self,
        user_id: &str,
        except: Option<&SessionId>,
    ) -> Result<u32, Error> {
        let except = except.map(SessionId::key);
        let function = EndUserSessions::new(user_id, except.as_ref())?;
        self.call(&function).await
    }
}
