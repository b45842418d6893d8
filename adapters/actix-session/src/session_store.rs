use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time;
use connect_pg::{EndReason, Lifetime, SessionAttributes, SessionId, SessionState};

use crate::revocation;
use crate::store::ConnectPgSessionStore;

type State = HashMap<String, String>;

impl SessionStore for ConnectPgSessionStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        // No session has such a key.
        let Ok(id) = Self::session_id(key) else {
            return Ok(None);
        };
        match self.store.peek::<State>(&id).await {
            Ok(session) => Ok(session.map(|session| session.data)),
            Err(error) if error.is_invalid_data() => Err(LoadError::Deserialization(error.into())),
            Err(error) => Err(LoadError::Other(error.into())),
        }
    }

    async fn save(&self, state: State, ttl: &time::Duration) -> Result<SessionKey, SaveError> {
        let mut attributes = match seconds(*ttl) {
            Some(ttl) => SessionAttributes::new().idle_timeout(ttl),
            None => SessionAttributes::new().expires_at(SystemTime::UNIX_EPOCH),
        };
        if let Some(user) = self.user_of(&state) {
            if revocation::was_noted(&user) {
                tracing::info!("a session gets no new key: it was ended for its user meanwhile");
                return unused_key();
            }
            attributes = attributes.user_id(user);
        }
        let session = match self.store.create(state, &attributes).await {
            Ok(session) => session,
            Err(error) if error.is_invalid_data() => {
                return Err(SaveError::Serialization(error.into()));
            }
            Err(error) => return Err(SaveError::Other(error.into())),
        };
        let key = session.id().as_cookie_value().to_owned();
        SessionKey::try_from(key).map_err(|error| SaveError::Other(error.into()))
    }

    async fn update(
        &self,
        key: SessionKey,
        state: State,
        ttl: &time::Duration,
    ) -> Result<SessionKey, UpdateError> {
        let overwritten = match Self::session_id(&key) {
            Ok(id) => self.store.overwrite(&id, &state, &lifetime(*ttl)).await,
            Err(_) => Ok(None),
        };
        match overwritten {
            Ok(Some(_)) => {}
            // A key in the answer would be that of a session that a logout has ended.
            Ok(None) => {
                tracing::info!("a session is not saved: it was ended or has expired meanwhile");
            }
            Err(error) if error.is_invalid_data() => {
                return Err(UpdateError::Serialization(error.into()));
            }
            Err(error) => return Err(UpdateError::Other(error.into())),
        }
        Ok(key)
    }

    async fn update_ttl(&self, key: &SessionKey, ttl: &time::Duration) -> anyhow::Result<()> {
        if let Ok(id) = Self::session_id(key) {
            self.store.touch_with_lifetime(&id, &lifetime(*ttl)).await?;
        }
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> anyhow::Result<()> {
        let Ok(id) = Self::session_id(key) else {
            return Ok(());
        };
        if !self.store.end(&id).await? && self.has_users() {
            let info = self.store.info(&id).await?;
            if let (SessionState::Ended(EndReason::Revoked), Some(user)) =
                (info.state(), info.user_id())
            {
                revocation::note(user);
            }
        }
        Ok(())
    }
}

/// Returns a key that no session has.
fn unused_key() -> Result<SessionKey, SaveError> {
    let id = SessionId::generate().map_err(|error| SaveError::Other(error.into()))?;
    SessionKey::try_from(id.as_cookie_value().to_owned())
        .map_err(|error| SaveError::Other(error.into()))
}

fn lifetime(ttl: time::Duration) -> Lifetime {
    match seconds(ttl) {
        Some(ttl) => Lifetime::idle_timeout(ttl),
        None => Lifetime::until(SystemTime::UNIX_EPOCH),
    }
}

/// Returns a time to live in whole seconds, rounded up, unless it is over.
fn seconds(ttl: time::Duration) -> Option<Duration> {
    let ttl = Duration::try_from(ttl).ok().filter(|ttl| !ttl.is_zero())?;
    let seconds = ttl
        .as_secs()
        .saturating_add(u64::from(ttl.subsec_nanos() > 0));
    // What no timeout can express is refused by the store, with its limit.
    Some(Duration::from_secs(
        seconds.min(i32::MAX.unsigned_abs().into()),
    ))
}
