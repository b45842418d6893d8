//! Sessions by ids that another library draws, and without a loaded session: what adapters of web frameworks need.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::create_outcome::CreateOutcome;
use super::id_outcome::IdOutcome;
use super::save_outcome::SaveOutcome;
use super::store::Store;
use crate::connection::Backend;
use crate::error::Error;
use crate::functions::{
    AttributeParameters, CreateSession, LifetimeParameters, LoginSession, LogoutSession,
    RotateSession, SaveSession, TouchSessionWithLifetime, json,
};
use crate::session::{Lifetime, Session, SessionAttributes, SessionId};

impl<B: Backend> Store<B> {
    /// Creates a session under an id that the caller has drawn. It never overwrites a session: see [`CreateOutcome::Exists`].
    ///
    /// For libraries that draw ids themselves: [`SessionId::foreign`] takes their ids. All others call [`create`](Store::create). If
    /// the pool repeated the call after a connection broke, `Exists` may mean that the first attempt created the session.
    ///
    /// # Errors
    ///
    /// As for [`create`](Store::create).
    pub fn create_with_id<T: Serialize>(
        &self,
        id: &SessionId,
        data: T,
        attributes: &SessionAttributes,
    ) -> Result<CreateOutcome<T>, Error> {
        let attributes = AttributeParameters::new(attributes)?;
        let json = json::encode(&data)?;
        let reply = self.call(&CreateSession {
            key: &id.key(),
            data: &json,
            attributes,
        })?;
        CreateOutcome::new(reply, id, data, attributes.user_id())
    }

    /// Replaces the data of a live session, whatever its version, and sets its lifetime. Returns the expiry now in force, or `None`
    /// if there is no live session of that id: then nothing is written.
    ///
    /// Concurrent changes are lost: call [`save`](Store::save) or [`update`](Store::update) where that matters. The data needs no
    /// parsing: a `&RawValue` of `serde_json` is stored as it is. Data that is stored already is not written again.
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): the data [cannot be written](Error::is_invalid_data) as JSON or is
    /// [too large](Error::is_too_large), or the lifetime [is invalid](Error::is_invalid_argument).
    pub fn overwrite<T: Serialize + ?Sized>(
        &self,
        id: &SessionId,
        data: &T,
        lifetime: &Lifetime,
    ) -> Result<Option<SystemTime>, Error> {
        let lifetime = LifetimeParameters::new(lifetime)?;
        let json = json::encode(data)?;
        let reply = self.call(&SaveSession {
            key: &id.key(),
            data: &json,
            version: None,
            lifetime,
        })?;
        Ok(reply.expires_at())
    }

    /// Saves the data of a session as [`save`](Store::save) does, and sets its lifetime.
    ///
    /// # Errors
    ///
    /// As for [`save`](Store::save), or the lifetime [is invalid](Error::is_invalid_argument).
    pub fn save_with_lifetime<T: Serialize>(
        &self,
        session: &mut Session<T>,
        lifetime: &Lifetime,
    ) -> Result<SaveOutcome, Error> {
        let lifetime = LifetimeParameters::new(lifetime)?;
        let json = json::encode(&session.data)?;
        let save = SaveSession {
            lifetime,
            ..SaveSession::new(&session.key, &json, session.version)
        };
        let reply = self.call(&save)?;
        Ok(SaveOutcome::apply(reply, session))
    }

    /// Uses a session as [`touch`](Store::touch) does, and sets its lifetime. Returns the expiry now in force, or `None` if there is
    /// no live session of that id.
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): the lifetime [is invalid](Error::is_invalid_argument).
    pub fn touch_with_lifetime(
        &self,
        id: &SessionId,
        lifetime: &Lifetime,
    ) -> Result<Option<SystemTime>, Error> {
        let lifetime = LifetimeParameters::new(lifetime)?;
        if lifetime.is_unchanged() {
            return self.touch(id);
        }
        self.call(&TouchSessionWithLifetime {
            key: &id.key(),
            lifetime,
        })
    }

    /// Gives a session an id that the caller has drawn, as [`rotate`](Store::rotate) does without a loaded session.
    ///
    /// # Errors
    ///
    /// As for [`rotate`](Store::rotate).
    pub fn rotate_id(
        &self,
        old: &SessionId,
        new: &SessionId,
        grace: Duration,
    ) -> Result<IdOutcome, Error> {
        let grace_seconds = RotateSession::grace_seconds(grace)?;
        let reply = self.call(&RotateSession {
            old_key: &old.key(),
            new_key: &new.key(),
            grace_seconds,
        })?;
        IdOutcome::new(reply)
    }

    /// Makes a session the user's, under an id that the caller has drawn, as [`login`](Store::login) does without a loaded session.
    ///
    /// # Errors
    ///
    /// As for [`login`](Store::login).
    pub fn login_id(
        &self,
        old: &SessionId,
        new: &SessionId,
        user_id: &str,
        attributes: &SessionAttributes,
    ) -> Result<IdOutcome, Error> {
        let attributes = AttributeParameters::of_user(user_id, attributes)?;
        let reply = self.call(&LoginSession {
            old_key: &old.key(),
            new_key: &new.key(),
            attributes,
        })?;
        IdOutcome::new(reply)
    }

    /// Removes the user from a session, under an id that the caller has drawn, as [`logout`](Store::logout) does without a loaded
    /// session.
    ///
    /// # Errors
    ///
    /// As for [`logout`](Store::logout).
    pub fn logout_id(&self, old: &SessionId, new: &SessionId) -> Result<IdOutcome, Error> {
        let reply = self.call(&LogoutSession {
            old_key: &old.key(),
            new_key: &new.key(),
        })?;
        IdOutcome::new(reply)
    }
}
