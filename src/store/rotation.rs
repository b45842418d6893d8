//! Rotation, login and logout: a session gets a new id.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::rotate_outcome::RotateOutcome;
use super::store::Store;
use crate::connection::Backend;
use crate::error::Error;
use crate::functions::operations::{ChangeId, IdChange, LoginOrCreate};
use crate::functions::{AttributeParameters, RotateSession};
use crate::session::{Session, SessionAttributes, SessionId};

impl<B: Backend> Store<B> {
    /// Gives a session a new id and keeps all else: the data, the user, the timeouts, the handle.
    ///
    /// Use it for changes of privilege that are neither login nor logout: another role, or a password that was asked for again.
    /// ([OWASP session management cheat sheet, "Renew the session ID after any privilege level change"][owasp])
    ///
    /// On [`RotateOutcome::Rotated`] the `Session` has the new id: set the cookie. Its data and its version are as they were, changed or
    /// not, so a later [`save`](Store::save) still notices what another client saved in between. If a transaction of the
    /// application's rolls back, load the session again by the old id.
    ///
    /// `grace` is for other requests of the same page that were sent with the old id. For so long, 60 seconds at most
    /// and in whole seconds, the old id loads the session as it is by then. It cannot save
    /// ([`SaveOutcome::Gone`](crate::SaveOutcome::Gone)) and does not extend the session. With [`Duration::ZERO`] the old id is
    /// invalid at once. In both cases [`end`](Store::end) with the old id ends the session.
    ///
    /// [owasp]: https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html#renew-the-session-id-after-any-privilege-level-change
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): `grace` [is invalid](Error::is_invalid_argument). If the outcome
    /// [is unknown](Error::is_outcome_unknown), the session may have a new id that no client knows, and the visitor starts again.
    pub fn rotate<T>(
        &self,
        session: &mut Session<T>,
        grace: Duration,
    ) -> Result<RotateOutcome, Error> {
        let grace_seconds = RotateSession::grace_seconds(grace)?;
        self.change_id(session, IdChange::Rotate { grace_seconds })
    }

    /// Logs a visitor in who has a session: it becomes the user's, under a new id, with the same data.
    ///
    /// On [`RotateOutcome::Rotated`] the `Session` has the new id and the user: set the cookie. The old id is invalid at once, because
    /// an attacker may have planted it ([session fixation][owasp]). A request that was sent with it finds no session, and must
    /// not create one in the place of this one: [`info`](Store::info) says that this one was
    /// [rotated](crate::EndReason::Rotated).
    ///
    /// On [`RotateOutcome::Gone`] no user is logged in, because there is no live session: create one.
    /// [`login_or_create`](Store::login_or_create) does both.
    ///
    /// Attributes that are set replace those of the session; an absolute timeout counts from the login.
    ///
    /// The data stays. If the session was [another user's](Session::user_id), replace the data by [`update`](Store::update)
    /// before the cookie goes out; until then no client knows the new id.
    ///
    /// [owasp]: https://owasp.org/www-community/attacks/Session_fixation
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): an attribute [is invalid](Error::is_invalid_argument), such as the id of
    /// another user, or the user [has as many sessions as allowed](Error::is_session_limit). The session is unchanged then. If the
    /// outcome [is unknown](Error::is_outcome_unknown), the session may have a new id that no client knows, and the visitor logs
    /// in again.
    pub fn login<T>(
        &self,
        session: &mut Session<T>,
        user_id: &str,
        attributes: &SessionAttributes,
    ) -> Result<RotateOutcome, Error> {
        let attributes = AttributeParameters::of_user(user_id, attributes)?;
        let outcome = self.change_id(session, IdChange::Login(attributes))?;
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
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use connect_pg::{Error, SessionAttributes, SessionId, Store};
    ///
    /// /// Returns the value of the new cookie.
    /// fn login(store: &Store, cookie: Option<&str>, user_id: &str) -> Result<String, Error> {
    ///     // A cookie that is no session id is not from this application.
    ///     let id: Option<SessionId> = cookie.and_then(|text| text.parse().ok());
    ///     let cart = Vec::<String>::new;
    ///     let session = store.login_or_create(id.as_ref(), user_id, &SessionAttributes::new(), cart)?;
    ///     Ok(session.id().as_cookie_value().to_owned())
    /// }
    /// # let _ = login;
    /// ```
    pub fn login_or_create<T, F>(
        &self,
        id: Option<&SessionId>,
        user_id: &str,
        attributes: &SessionAttributes,
        data: F,
    ) -> Result<Session<T>, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> T,
    {
        let attributes = AttributeParameters::of_user(user_id, attributes)?;
        self.run(&mut LoginOrCreate::new(id, user_id, attributes, data)?)
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
    pub fn logout<T>(&self, session: &mut Session<T>) -> Result<RotateOutcome, Error> {
        let outcome = self.change_id(session, IdChange::Logout)?;
        if outcome == RotateOutcome::Rotated {
            session.set_anonymous();
        }
        Ok(outcome)
    }

    fn change_id<T>(
        &self,
        session: &mut Session<T>,
        change: IdChange<'_>,
    ) -> Result<RotateOutcome, Error> {
        let changed = self.run(&mut ChangeId::new(change, session.key)?)?;
        Ok(RotateOutcome::apply(changed, session))
    }
}
