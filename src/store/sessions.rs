//! One session: create, load, save, touch, end.

use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::connection::Backend;
use crate::error::Error;
use crate::functions::operations::Create;
use crate::functions::{
    AttributeParameters, CountSessions, EndSession, LoadSession, ReadSessionInfo, SaveReply,
    SaveSession, TouchSession, json,
};
use crate::session::{NewSession, Session, SessionId, SessionInfo};
use crate::store::{SaveOutcome, Store};

impl<B: Backend> Store<B> {
    /// Creates a session with a new id.
    ///
    /// The data is stored as `serde_json` writes it, byte for byte: at most `max_data_bytes` of the store's settings, 1 MiB by
    /// default, and nested at most 127 deep, since `serde_json` reads no deeper. Call it when there is something to
    /// remember and a cookie to set. A visitor who has a session and logs in gets a new id by [`login`](Store::login); one
    /// who has none gets his session here, with [`NewSession::user_id`].
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): the data [cannot be written](Error::is_invalid_data) as JSON, is
    /// [too large](Error::is_too_large), a setting of `new` [is refused](Error::is_invalid_argument), or the user
    /// [has as many sessions as he may](Error::is_session_limit).
    pub fn create<T: Serialize>(&self, data: T, new: &NewSession) -> Result<Session<T>, Error> {
        let attributes = AttributeParameters::new(&new.0)?;
        let json = json::encode(&data)?;
        let created = self.run(&mut Create::new(&json, attributes)?)?;
        Ok(Session {
            data,
            id: created.id,
            key: created.key,
            version: created.version,
            expires_at: created.expires_at,
            user_id: new.0.user_id.clone(),
            handle: created.handle,
        })
    }

    /// Loads a session and uses it: its expiry slides, to the idle timeout from now and at most to the absolute one.
    ///
    /// `None` if there is no live session of that id: it never was, it has expired, it was ended. Nothing is created then, so an
    /// id that somebody made up stays worthless. To keep a session that is used all the time from being written all the time, a
    /// slide is due only after a twentieth of the idle timeout (1 to 10 minutes).
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): the stored data [does not fit](Error::is_invalid_data) `T`.
    pub fn load<T: DeserializeOwned>(&self, id: &SessionId) -> Result<Option<Session<T>>, Error> {
        self.load_session(id, true)
    }

    /// Loads a session without using it: its expiry stays as it is.
    ///
    /// For requests that are not the visitor's doing, such as a page that polls.
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
    /// is not written again. That another client made the very same change is a [`SaveOutcome::Conflict`] too: two requests that
    /// each count from 1 to 2 must come to 3. A save uses the session as [`load`](Store::load) does.
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): the data [cannot be written](Error::is_invalid_data) as JSON or is
    /// [too large](Error::is_too_large). What is stored is untouched then.
    pub fn save<T: Serialize>(&self, session: &mut Session<T>) -> Result<SaveOutcome, Error> {
        Ok(match self.save_data(session)? {
            SaveReply::Saved {
                version,
                expires_at,
            }
            | SaveReply::Same {
                version,
                expires_at,
                repeated: true,
            } => {
                session.set_saved(version, expires_at);
                SaveOutcome::Saved
            }
            SaveReply::Conflict | SaveReply::Same { .. } => SaveOutcome::Conflict,
            SaveReply::Gone => SaveOutcome::Gone,
        })
    }

    /// Uses a session without loading it: its expiry slides as by [`load`](Store::load). Returns the expiry now in force, or
    /// `None` if there is no live session of that id.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub fn touch(&self, id: &SessionId) -> Result<Option<SystemTime>, Error> {
        self.call(&TouchSession { key: &id.key() })
    }

    /// Ends a session, for good: nothing can bring it back, not even a save that is under way. Returns whether there was a
    /// live one.
    ///
    /// Whatever the answer, no live session of that id is left. Where the pool had to repeat the call after a connection broke,
    /// `false` may also mean that the first try ended it.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub fn end(&self, id: &SessionId) -> Result<bool, Error> {
        self.call(&EndSession { key: &id.key() })
    }

    /// What is known of a session besides its data, and if it is not live, why: missing, expired or ended, for messages and
    /// metrics. It uses nothing: the expiry stays as it is.
    ///
    /// To be asked after a [`load`](Store::load) that found nothing, where it matters. **Not for the visitor**, to whom all of
    /// these must look the same.
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
    ///     SessionState::Live | SessionState::Missing => metric("missing"),
    ///     SessionState::Expired => metric("expired"),
    ///     SessionState::Ended(EndReason::Evicted) => metric("evicted"),
    ///     SessionState::Ended(_) => metric("ended"),
    /// }
    /// Ok("Please log in.")
    /// # }
    /// ```
    pub fn info(&self, id: &SessionId) -> Result<SessionInfo, Error> {
        self.call(&ReadSessionInfo { key: &id.key() })
    }

    /// Counts the live sessions. It looks at all of them: not for every request.
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
        self.call(&SaveSession {
            key: &session.key,
            data: &json,
            version: session.version,
        })
    }
}
