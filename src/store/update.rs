//! A change of a session's data that no concurrent change undoes.

use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::store::Store;
use super::update_outcome::UpdateOutcome;
use crate::connection::Backend;
use crate::error::Error;
use crate::functions::operations::{MAX_UPDATE_ATTEMPTS, Update, Updated};
use crate::runtime::random_delay;
use crate::session::{Session, SessionId};

/// How long `update` waits for the session's lock after its last conflict.
pub(crate) const UPDATE_LOCK_TIMEOUT: Duration = Duration::from_secs(30);

impl<B: Backend> Store<B> {
    /// Changes the data of a session so that no concurrent change of another client is lost. Returns the changed session.
    ///
    /// Loads the session, applies `change` and saves. After a conflict it does so again, after a short random pause. After 8
    /// conflicts it locks the session, for which it waits up to 30 seconds. So any number of clients can change one session.
    ///
    /// `change` may run up to 9 times, each time on fresh data, and should do nothing else. What it does to the same session by
    /// other means may be [refused](Error::is_locked).
    ///
    /// # Errors
    ///
    /// As for [`load`](Store::load) and [`save`](Store::save), and that the session changed each time and
    /// [was then locked](Error::is_conflict) by another client for 30 seconds.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use connect_pg::{SessionId, Store};
    /// # fn views(store: &Store, id: &SessionId) -> Result<u64, connect_pg::Error> {
    /// let outcome = store.update(id, |views: &mut u64| *views += 1)?;
    /// Ok(outcome.updated().map_or(0, |session| session.data))
    /// # }
    /// ```
    pub fn update<T, F>(
        &self,
        id: &SessionId,
        mut change: F,
    ) -> Result<UpdateOutcome<Session<T>>, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(&mut T),
    {
        let outcome = self.try_update(id, |data| {
            change(data);
            Ok::<(), Error>(())
        })?;
        Ok(outcome.map(|((), session)| session))
    }

    /// Changes the data of a session as [`update`](Store::update) does, with a `change` that returns something, or fails.
    ///
    /// Returns what `change` returned for the data that was saved in the end, and the session. If `change` fails, nothing is saved,
    /// and its error is returned.
    ///
    /// # Errors
    ///
    /// What `change` returns, and as for [`update`](Store::update).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use connect_pg::{Error, SessionId, Store, UpdateOutcome};
    ///
    /// enum TakeError {
    ///     CartIsEmpty,
    ///     NoSession,
    ///     Store(Error),
    /// }
    ///
    /// impl From<Error> for TakeError {
    ///     fn from(error: Error) -> TakeError {
    ///         TakeError::Store(error)
    ///     }
    /// }
    ///
    /// /// Takes the last item out of the cart; once, however many requests do so at the same time.
    /// fn take(store: &Store, id: &SessionId) -> Result<String, TakeError> {
    ///     let take = |cart: &mut Vec<String>| cart.pop().ok_or(TakeError::CartIsEmpty);
    ///     match store.try_update(id, take)? {
    ///         UpdateOutcome::Updated((item, _session)) => Ok(item),
    ///         UpdateOutcome::Gone => Err(TakeError::NoSession),
    ///     }
    /// }
    /// # let _ = take;
    /// ```
    pub fn try_update<T, R, E, F>(
        &self,
        id: &SessionId,
        mut change: F,
    ) -> Result<UpdateOutcome<(R, Session<T>)>, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<Error>,
        F: FnMut(&mut T) -> Result<R, E>,
    {
        match self.run(&mut Update::new(id, &mut change))? {
            Updated::Saved(result, session) => {
                return Ok(UpdateOutcome::Updated((result, session)));
            }
            Updated::Gone => return Ok(UpdateOutcome::Gone),
            Updated::Contended(longest) => thread::sleep(random_delay::up_to(longest)),
        }
        let outcome = self.lock(id, UPDATE_LOCK_TIMEOUT, |session: &mut Session<T>| {
            change(&mut session.data).map_err(Stopped::Change)
        });
        outcome.map_err(Stopped::into_error)
    }
}

/// What stopped an update under the lock.
pub(crate) enum Stopped<E> {
    Change(E),
    Store(Error),
}

impl<E> From<Error> for Stopped<E> {
    fn from(error: Error) -> Stopped<E> {
        Stopped::Store(error)
    }
}

impl<E: From<Error>> Stopped<E> {
    /// Returns the error of the update.
    pub(crate) fn into_error(self) -> E {
        match self {
            Stopped::Change(error) => error,
            Stopped::Store(error) if error.is_locked() => {
                Error::conflict(MAX_UPDATE_ATTEMPTS, error).into()
            }
            Stopped::Store(error) => error.into(),
        }
    }
}
