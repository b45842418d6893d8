//! A session gets a new id.

use std::time::Duration;

use crate::connection::Backend;
use crate::error::Error;
use crate::functions::operations::{ChangeId, ChangedId, IdChange};
use crate::functions::{AttributeParameters, RotateSession};
use crate::session::{Login, Session};
use crate::store::{RotateOutcome, Store};

impl<B: Backend> Store<B> {
    /// Gives a session a new id and keeps all else: the data, the user, the timeouts, the handle.
    ///
    /// For what is neither log-in nor log-out: another role, a password that was just asked for again, a long time with one id.
    /// ([OWASP session management cheat sheet, "Renew the session ID after any privilege level change"][owasp])
    ///
    /// On [`RotateOutcome::Rotated`] the `Session` has the new id: set the cookie. Its data and its version are as they were, changed or
    /// not, so that a later [`save`](Store::save) still notices what another client saved in between.
    ///
    /// In a transaction of the application's that is rolled back, the new id goes with it: load the session again by the old one.
    ///
    /// `grace` is for the other requests of the same page, which are on their way with the old id: for so long, 60 seconds at most
    /// and in whole seconds, the old id still loads the session as it is by then. It saves nothing
    /// ([`SaveOutcome::Gone`](crate::SaveOutcome::Gone)) and makes nothing last longer. With [`Duration::ZERO`] it is dead at once. Whatever the
    /// grace, [`end`](Store::end) with the old id ends the session, since who logs out means the session and not an id.
    ///
    /// [owasp]: https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html#renew-the-session-id-after-any-privilege-level-change
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): `grace` [is refused](Error::is_invalid_argument). Where the outcome
    /// [is unknown](Error::is_outcome_unknown), the session may have a new id that nobody knows: the visitor starts again.
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
    /// On [`RotateOutcome::Rotated`] the `Session` has the new id and the user: set the cookie. The old id is dead at once, without grace:
    /// somebody may have planted it, and would then read the session of the user ([session fixation][owasp]). A request that is
    /// on its way with it finds no session, and must not begin a new one in the place of this one:
    /// [`info`](Store::info) tells it that this one was [rotated](crate::EndReason::RotateOutcome).
    ///
    /// On [`RotateOutcome::Gone`] nobody is logged in. There is no session to log in to, as with a visitor who comes without any: create
    /// one for the user.
    ///
    /// What the data says of the visitor becomes the user's. If the session was [another user's](Session::user_id), that may be
    /// wrong: empty it by [`update`](Store::update) before the cookie goes out; until then nobody knows the new id.
    ///
    /// [owasp]: https://owasp.org/www-community/attacks/Session_fixation
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): a setting of `login` [is refused](Error::is_invalid_argument), or the
    /// user [has as many sessions as he may](Error::is_session_limit); the session is what it was then. Where the outcome
    /// [is unknown](Error::is_outcome_unknown), the session may have a new id that nobody knows: the visitor logs in again.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use connect_pg::{Error, Login, NewSession, RotateOutcome, Session, SessionId, Store};
    ///
    /// /// The session whose id goes into the cookie.
    /// fn login(store: &Store, cookie: Option<&SessionId>, user_id: &str) -> Result<Session<Vec<u64>>, Error> {
    ///     if let Some(id) = cookie {
    ///         if let Some(mut session) = store.load(id)? {
    ///             if store.login(&mut session, &Login::new(user_id))? == RotateOutcome::Rotated {
    ///                 return Ok(session);
    ///             }
    ///         }
    ///     }
    ///     // No session before, or none any more.
    ///     store.create(Vec::new(), &NewSession::new().user_id(user_id))
    /// }
    /// # let _ = login;
    /// ```
    pub fn login<T>(
        &self,
        session: &mut Session<T>,
        login: &Login,
    ) -> Result<RotateOutcome, Error> {
        let attributes = AttributeParameters::new(&login.0)?;
        let rotated = self.change_id(session, IdChange::Login(attributes))?;
        if rotated == RotateOutcome::Rotated {
            if session.user_id.is_some() && session.user_id != login.0.user_id {
                session.handle = None; // that one named another user's session
            }
            session.user_id.clone_from(&login.0.user_id);
        }
        Ok(rotated)
    }

    /// Logs a user out and keeps the data, a shopping basket say: the session becomes nobody's, under a new id and a new handle.
    ///
    /// On [`RotateOutcome::Rotated`] the `Session` has the new id: set the cookie. The old one is dead at once. The timeouts stay. To end the
    /// session with all its data, which is what a log-out mostly means, call [`end`](Store::end).
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors). Where the outcome [is unknown](Error::is_outcome_unknown), end the old
    /// id: that ends the session either way.
    pub fn logout<T>(&self, session: &mut Session<T>) -> Result<RotateOutcome, Error> {
        let rotated = self.change_id(session, IdChange::Logout)?;
        if rotated == RotateOutcome::Rotated {
            session.user_id = None;
            session.handle = None;
        }
        Ok(rotated)
    }

    fn change_id<T>(
        &self,
        session: &mut Session<T>,
        change: IdChange<'_>,
    ) -> Result<RotateOutcome, Error> {
        match self.run(&mut ChangeId::new(change, session.key)?)? {
            ChangedId::Rotated {
                id,
                key,
                expires_at,
            } => {
                // The version stays: that of the stored data may be another client's by now.
                session.id = id;
                session.key = key;
                session.expires_at = expires_at;
                Ok(RotateOutcome::Rotated)
            }
            ChangedId::Gone => Ok(RotateOutcome::Gone),
        }
    }
}
