//! A change of a session's data that no concurrent change undoes.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::connection::Backend;
use crate::error::Error;
use crate::functions::operations::{MAX_UPDATE_ATTEMPTS, Update, Updated};
use crate::session::{Session, SessionId};
use crate::store::Store;

/// How long `update` waits for the session's lock after its last conflict.
const UPDATE_LOCK_TIMEOUT: Duration = Duration::from_secs(30);

impl<B: Backend> Store<B> {
    /// Changes the data of a session so that no concurrent change of another client is lost.
    ///
    /// Loads the session, applies `change`, saves; on a conflict all of it again, after a short random pause. After 8 conflicts
    /// it does so under a lock, where nobody can come in between, for which it waits up to 30 seconds: so any number of clients
    /// that change one session all get their turn. `change` may run up to 9 times, each time on fresh data, and should do nothing
    /// else; what it does to the same session by other means may be [refused](Error::is_locked). `None` if the session is not
    /// live.
    ///
    /// # Errors
    ///
    /// As for [`load`](Store::load) and [`save`](Store::save), and that the session changed each time and
    /// [was then locked](Error::is_conflict) by somebody else for 30 seconds.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use connect_pg::{SessionId, Store};
    /// # fn views(store: &Store, id: &SessionId) -> Result<u64, connect_pg::Error> {
    /// let session = store.update(id, |views: &mut u64| *views += 1)?;
    /// # Ok(session.map_or(0, |session| session.data))
    /// # }
    /// ```
    pub fn update<T, F>(&self, id: &SessionId, mut change: F) -> Result<Option<Session<T>>, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(&mut T),
    {
        let changed = self.try_update(id, |data| {
            change(data);
            Ok::<(), Error>(())
        })?;
        Ok(changed.map(|((), session)| session))
    }

    /// As [`update`](Store::update), with a `change` that has an answer, or may find that there is nothing to change.
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
    /// use connect_pg::{Error, SessionId, Store};
    ///
    /// enum NotTaken {
    ///     CartIsEmpty,
    ///     Store(Error),
    /// }
    ///
    /// impl From<Error> for NotTaken {
    ///     fn from(error: Error) -> NotTaken {
    ///         NotTaken::Store(error)
    ///     }
    /// }
    ///
    /// /// Takes the last thing out of the cart; once, however many requests do so at once. `None` without a session.
    /// fn take(store: &Store, id: &SessionId) -> Result<Option<String>, NotTaken> {
    ///     let taken = store.try_update(id, |cart: &mut Vec<String>| cart.pop().ok_or(NotTaken::CartIsEmpty))?;
    ///     Ok(taken.map(|(thing, _session)| thing))
    /// }
    /// # let _ = take;
    /// ```
    pub fn try_update<T, R, E, F>(
        &self,
        id: &SessionId,
        mut change: F,
    ) -> Result<Option<(R, Session<T>)>, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<Error>,
        F: FnMut(&mut T) -> Result<R, E>,
    {
        match self.run(&mut Update::new(id, &mut change))? {
            Updated::Saved(result, session) => return Ok(Some((result, session))),
            Updated::Gone => return Ok(None),
            Updated::Contended => {}
        }
        let changed = self.lock(id, UPDATE_LOCK_TIMEOUT, |session: &mut Session<T>| {
            change(&mut session.data).map_err(Stopped::Change)
        });
        match changed {
            Ok(locked) => Ok(locked.map(|(session, result)| (result, session))),
            Err(Stopped::Change(error)) => Err(error),
            Err(Stopped::Store(error)) if error.is_locked() => {
                Err(Error::conflict(MAX_UPDATE_ATTEMPTS, error).into())
            }
            Err(Stopped::Store(error)) => Err(error.into()),
        }
    }
}

/// What stopped an update under the lock.
enum Stopped<E> {
    Change(E),
    Store(Error),
}

impl<E> From<Error> for Stopped<E> {
    fn from(error: Error) -> Stopped<E> {
        Stopped::Store(error)
    }
}
