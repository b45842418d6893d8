//! One session: create, load, save, touch, end.

use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::backend::Backend;
use super::store::Store;
use crate::error::Error;
use crate::functions::operations::Create;
use crate::functions::{
    AttributeParameters, CountSessions, EndSession, LoadSession, ReadSessionInfo, SaveSession,
    TouchSession, json,
};
use crate::session::{Session, SessionAttributes, SessionId, SessionInfo};
use crate::store::SaveOutcome;

impl<B: Backend> Store<B> {
    /// Creates a session with a new id.
    ///
    /// The data is stored as `serde_json` writes it: see [`Store::create`](crate::Store::create). To log a user in, call
    /// [`login_or_create`](Store::login_or_create), which gives an existing session a new id.
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): the data [cannot be written](Error::is_invalid_data) as JSON or is
    /// [too large](Error::is_too_large), an attribute [is invalid](Error::is_invalid_argument), or the user
    /// [has as many sessions as allowed](Error::is_session_limit).
    pub async fn create<T: Serialize>(
        &self,
        data: T,
        attributes: &SessionAttributes,
    ) -> Result<Session<T>, Error> {
        let attributes = AttributeParameters::new(attributes)?;
        let json = json::encode(&data)?;
        let created = self.run(&mut Create::new(json, attributes)?).await?;
        Ok(created.into_session(data, attributes.user_id()))
    }

    /// Loads a session and uses it: its expiry slides to the idle timeout from now, and at most to the absolute one.
    ///
    /// Returns `None` if there is no live session of that id: it never existed, it has expired, or it was ended. Nothing is
    /// created then, so an invented id stays worthless.
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): the stored data [does not fit](Error::is_invalid_data) `T`.
    pub async fn load<T: DeserializeOwned>(
        &self,
        id: &SessionId,
    ) -> Result<Option<Session<T>>, Error> {
        self.load_session(id, true).await
    }

    /// Loads a session without using it: its expiry stays.
    ///
    /// For requests that the visitor does not make, such as those of a page that polls.
    ///
    /// # Errors
    ///
    /// As for [`load`](Store::load).
    pub async fn peek<T: DeserializeOwned>(
        &self,
        id: &SessionId,
    ) -> Result<Option<Session<T>>, Error> {
        self.load_session(id, false).await
    }

    /// Saves the data of a session, if it is still live and no other client has changed it since it was loaded.
    ///
    /// On [`SaveOutcome::Saved`] the session has its new version and expiry; otherwise it is as before. See
    /// [`Store::save`](crate::Store::save).
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): the data [cannot be written](Error::is_invalid_data) as JSON or is
    /// [too large](Error::is_too_large). What is stored is untouched then.
    pub async fn save<T: Serialize>(&self, session: &mut Session<T>) -> Result<SaveOutcome, Error> {
        let json = json::encode(&session.data)?;
        let reply = self
            .call(&SaveSession::new(&session.key, &json, session.version))
            .await?;
        Ok(SaveOutcome::apply(reply, session))
    }

    /// Uses a session without loading it: its expiry slides as with [`load`](Store::load). Returns the expiry now in force, or
    /// `None` if there is no live session of that id.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub async fn touch(&self, id: &SessionId) -> Result<Option<SystemTime>, Error> {
        self.call(&TouchSession { key: &id.key() }).await
    }

    /// Ends a session for good: nothing can bring it back, not even a save that is under way. Returns true if it was live.
    ///
    /// In both cases no live session of that id is left. If the pool repeated the call after a connection broke, `false` may
    /// also mean that the first attempt ended it.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub async fn end(&self, id: &SessionId) -> Result<bool, Error> {
        self.call(&EndSession { key: &id.key() }).await
    }

    /// Returns what is known of a session besides its data. If it is not live, that is why: missing, expired or ended. The
    /// expiry stays. **Do not tell the visitor**: see [`Store::info`](crate::Store::info).
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub async fn info(&self, id: &SessionId) -> Result<SessionInfo, Error> {
        self.call(&ReadSessionInfo { key: &id.key() }).await
    }

    /// Counts the live sessions. It reads the whole table, so do not call it for every request.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub async fn count(&self) -> Result<u64, Error> {
        self.call(&CountSessions).await.map(u64::from)
    }

    async fn load_session<T: DeserializeOwned>(
        &self,
        id: &SessionId,
        slide: bool,
    ) -> Result<Option<Session<T>>, Error> {
        let key = id.key();
        self.call(&LoadSession { key: &key, slide })
            .await?
            .map(|loaded| loaded.into_session(id.clone(), key))
            .transpose()
    }
}
