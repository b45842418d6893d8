//! One session: create, load, save, touch, end.

use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::save_outcome::SaveOutcome;
use super::store::Store;
use crate::connection::{Backend, OpenTransaction};
use crate::error::Error;
use crate::functions::operations::Create;
use crate::functions::{
    AttributeParameters, CountSessions, EndSession, LoadSession, ReadSessionInfo, SaveReply,
    SaveSession, TouchSession, json,
};
use crate::session::{Session, SessionAttributes, SessionId, SessionInfo};

impl<B: Backend> Store<B> {
    /// Creates a session with a new id.
    ///
    /// The data is stored as `serde_json` writes it, byte for byte. Its size is limited by the store's setting
    /// `max_data_bytes`, 1 MiB by default, and its nesting to 127 levels, because `serde_json` reads no deeper. Call it when there
    /// is something to remember. To log a user in, call [`login_or_create`](Store::login_or_create), which gives an existing
    /// session a new id.
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): the data [cannot be written](Error::is_invalid_data) as JSON or is
    /// [too large](Error::is_too_large), an attribute [is invalid](Error::is_invalid_argument), or the user
    /// [has as many sessions as allowed](Error::is_session_limit).
    pub fn create<T: Serialize>(
        &self,
        data: T,
        attributes: &SessionAttributes,
    ) -> Result<Session<T>, Error> {
        let attributes = AttributeParameters::new(attributes)?;
        let json = json::encode(&data)?;
        let created = self.run(&mut Create::new(json, attributes)?)?;
        Ok(created.into_session(data, attributes.user_id()))
    }

    /// Loads a session and uses it: its expiry slides to the idle timeout from now, and at most to the absolute one.
    ///
    /// Returns `None` if there is no live session of that id: it never existed, it has expired, or it was ended. Nothing is
    /// created then, so an invented id stays worthless. To limit writes, a slide is due only after a twentieth of the idle
    /// timeout (1 to 10 minutes).
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): the stored data [does not fit](Error::is_invalid_data) `T`.
    pub fn load<T: DeserializeOwned>(&self, id: &SessionId) -> Result<Option<Session<T>>, Error> {
        self.load_session(id, true)
    }

    /// Loads a session without using it: its expiry stays.
    ///
    /// For requests that the visitor does not make, such as those of a page that polls.
    ///
    /// # Errors
    ///
    /// As for [`load`](Store::load).
    pub fn peek<T: DeserializeOwned>(&self, id: &SessionId) -> Result<Option<Session<T>>, Error> {
        self.load_session(id, false)
    }

    /// Saves the data of a session, if it is still live and no other client has changed it since it was loaded.
    ///
    /// On [`SaveOutcome::Saved`] the session has its new version and expiry; otherwise it is as before. Data that is stored already
    /// is not written again. If another client made the very same change, that is a [`SaveOutcome::Conflict`] too: two requests
    /// that each count from 1 to 2 must come to 3. A save uses the session as [`load`](Store::load) does.
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): the data [cannot be written](Error::is_invalid_data) as JSON or is
    /// [too large](Error::is_too_large). What is stored is untouched then.
    pub fn save<T: Serialize>(&self, session: &mut Session<T>) -> Result<SaveOutcome, Error> {
        let reply = self.save_data(session)?;
        Ok(SaveOutcome::apply(reply, session))
    }

    /// Uses a session without loading it: its expiry slides as with [`load`](Store::load). Returns the expiry now in force, or
    /// `None` if there is no live session of that id.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub fn touch(&self, id: &SessionId) -> Result<Option<SystemTime>, Error> {
        self.call(&TouchSession { key: &id.key() })
    }

    /// Ends a session for good: nothing can bring it back, not even a save that is under way. Returns true if it was live.
    ///
    /// In both cases no live session of that id is left. If the pool repeated the call after a connection broke, `false` may
    /// also mean that the first attempt ended it.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub fn end(&self, id: &SessionId) -> Result<bool, Error> {
        self.call(&EndSession { key: &id.key() })
    }

    /// Returns what is known of a session besides its data. If it is not live, that is why: missing, expired or ended. The
    /// expiry stays.
    ///
    /// Call it after a [`load`](Store::load) that found nothing, for messages and metrics. **Do not tell the visitor**, to whom
    /// all of these must look the same.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use connect_pg::{Error, SessionId, Store};
    /// use connect_pg::{EndReason, SessionState};
    ///
    /// # fn metric(_: &str) {}
    /// # fn greet(store: &Store, id: &SessionId) -> Result<&'static str, Error> {
    /// if store.load::<String>(id)?.is_some() {
    ///     return Ok("Welcome back.");
    /// }
    /// match store.info(id)?.state() {
    ///     SessionState::Expired => metric("expired"),
    ///     SessionState::Ended(EndReason::Evicted) => metric("evicted"),
    ///     SessionState::Ended(_) => metric("ended"),
    ///     _ => metric("missing"),
    /// }
    /// Ok("Please log in.")
    /// # }
    /// ```
    pub fn info(&self, id: &SessionId) -> Result<SessionInfo, Error> {
        self.call(&ReadSessionInfo { key: &id.key() })
    }

    /// Counts the live sessions. It reads the whole table, so do not call it for every request.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub fn count(&self) -> Result<u64, Error> {
        self.call(&CountSessions).map(u64::from)
    }

    fn load_session<T: DeserializeOwned>(
        &self,
        id: &SessionId,
        slide: bool,
    ) -> Result<Option<Session<T>>, Error> {
        let key = id.key();
        self.call(&LoadSession { key: &key, slide })?
            .map(|loaded| loaded.into_session(id.clone(), key))
            .transpose()
    }

    pub(super) fn save_data<T: Serialize>(&self, session: &Session<T>) -> Result<SaveReply, Error> {
        let json = json::encode(&session.data)?;
        self.call(&SaveSession::new(&session.key, &json, session.version))
    }

    pub(super) fn save_data_in<T: Serialize>(
        &self,
        transaction: &mut dyn OpenTransaction,
        session: &Session<T>,
    ) -> Result<SaveReply, Error> {
        let json = json::encode(&session.data)?;
        self.call_in(
            transaction,
            &SaveSession::new(&session.key, &json, session.version),
        )
    }
}
