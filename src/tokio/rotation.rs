//! Rotation, login and logout: a session gets a new id.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::backend::Backend;
use super::store::Store;
use crate::error::Error;
use crate::functions::operations::{ChangeId, IdChange, LoginOrCreate};
use crate::functions::{AttributeParameters, RotateSession};
use crate::session::{Session, SessionAttributes, SessionId};
use crate::store::RotateOutcome;

impl<B: Backend> Store<B> {
    /// Gives a session a new id and keeps all else: the data, the user, the timeouts, the handle.
    ///
    /// On [`RotateOutcome::Rotated`] the `Session` has the new id: set the cookie. For `grace`, 60 seconds at most and in whole
    /// seconds, the old id still loads the session. With [`Duration::ZERO`] it is invalid at once. See
    /// [`Store::rotate`](crate::Store::rotate).
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): `grace` [is invalid](Error::is_invalid_argument). If the outcome
    /// [is unknown](Error::is_outcome_unknown), the session may have a new id that no client knows, and the visitor starts again.
    pub async fn rotate<T>(
        &self,
        session: &mut Session<T>,
        grace: Duration,
    ) -> Result<RotateOutcome, Error> {
        let grace_seconds = RotateSession::grace_seconds(grace)?;
        let change = IdChange::Rotate { grace_seconds };
        self.change_id(session, change).await
    }

    /// Logs a visitor in who has a session: it becomes the user's, under a new id, with the same data.
    ///
    /// On [`RotateOutcome::Rotated`] the `Session` has the new id and the user: set the cookie. The old id is invalid at once. On
    /// [`RotateOutcome::Gone`] no user is logged in, because there is no live session: create one.
    /// [`login_or_create`](Store::login_or_create) does both. See [`Store::login`](crate::Store::login).
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): an attribute [is invalid](Error::is_invalid_argument), such as the id of
    /// another user, or the user [has as many sessions as allowed](Error::is_session_limit). The session is unchanged then. If the
    /// outcome [is unknown](Error::is_outcome_unknown), the visitor logs in again.
    pub async fn login<T>(
        &self,
        session: &mut Session<T>,
        user_id: &str,
        attributes: &SessionAttributes,
    ) -> Result<RotateOutcome, Error> {
        let attributes = AttributeParameters::of_user(user_id, attributes)?;
        let change = IdChange::Login(attributes);
        let outcome = self.change_id(session, change).await?;
        if outcome == RotateOutcome::Rotated {
            session.set_user(user_id);
        }
        Ok(outcome)
    }

    /// Logs a user in: makes the session of this id the user's, as [`login`](Store::login) does, or creates one.
    ///
    /// A session is created if there is no id, or no live session of that id. It also is if that session is another user's,
    /// because its data is, and then the other session ends. `data` is called only if a session is created.
    ///
    /// Returns the session whose id is the new cookie.
    ///
    /// # Errors
    ///
    /// As for [`load`](Store::load), [`login`](Store::login) and [`create`](Store::create).
    pub async fn login_or_create<T, F>(
        &self,
        id: Option<&SessionId>,
        user_id: &str,
        attributes: &SessionAttributes,
        data: F,
    ) -> Result<Session<T>, Error>
    where
        T: Serialize + DeserializeOwned + Send,
        F: FnOnce() -> T + Send,
    {
        let attributes = AttributeParameters::of_user(user_id, attributes)?;
        let mut operation = LoginOrCreate::new(id, user_id, attributes, data)?;
        self.run(&mut operation).await
    }

    /// Logs a user out and keeps the data, a shopping cart for example: the session becomes anonymous, under a new id and a new
    /// handle.
    ///
    /// On [`RotateOutcome::Rotated`] the `Session` has the new id: set the cookie. The old one is invalid at once. The timeouts stay.
    /// Most applications end the session with all its data instead: call [`end`](Store::end).
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors). If the outcome [is unknown](Error::is_outcome_unknown), end the old
    /// id: that ends the session either way.
    pub async fn logout<T>(&self, session: &mut Session<T>) -> Result<RotateOutcome, Error> {
        let outcome = self.change_id(session, IdChange::Logout).await?;
        if outcome == RotateOutcome::Rotated {
            session.set_anonymous();
        }
        Ok(outcome)
    }

    async fn change_id<T>(
        &self,
        session: &mut Session<T>,
        change: IdChange<'_>,
    ) -> Result<RotateOutcome, Error> {
        let mut operation = ChangeId::new(change, session.key)?;
        let changed = self.run(&mut operation).await?;
        Ok(RotateOutcome::apply(changed, session))
    }
}
