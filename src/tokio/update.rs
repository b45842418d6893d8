//! A change of a session's data that no concurrent change undoes.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use super::backend::Backend;
use super::backend::sealed::OpenTransaction;
use super::store::Store;
use crate::error::Error;
use crate::functions::operations::{Update, Updated};
use crate::runtime::random_delay;
use crate::session::{Session, SessionId};
use crate::store::{Stopped, UPDATE_LOCK_TIMEOUT, UpdateOutcome};

impl<B: Backend> Store<B> {
    /// Changes the data of a session so that no concurrent change of another client is lost. Returns the changed session.
    ///
    /// Loads the session, applies `change` and saves. After a conflict it does so again: see
    /// [`Store::update`](crate::Store::update). So any number of clients can change one session. `change` may run up to 9 times,
    /// each time on fresh data, and should do nothing else.
    ///
    /// # Errors
    ///
    /// As for [`load`](Store::load) and [`save`](Store::save), and that the session changed each time and
    /// [was then locked](Error::is_conflict) by another client for 30 seconds.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use connect_pg::{Error, SessionId};
    /// use connect_pg::tokio::Store;
    ///
    /// async fn views(store: &Store, id: &SessionId) -> Result<u64, Error> {
    ///     let outcome = store.update(id, |views: &mut u64| *views += 1).await?;
    ///     Ok(outcome.updated().map_or(0, |session| session.data))
    /// }
    /// # let _ = views;
    /// ```
    pub async fn update<T, F>(
        &self,
        id: &SessionId,
        mut change: F,
    ) -> Result<UpdateOutcome<Session<T>>, Error>
    where
        T: Serialize + DeserializeOwned + Send,
        F: FnMut(&mut T) + Send,
    {
        let change = |data: &mut T| {
            change(data);
            Ok::<(), Error>(())
        };
        let outcome = self.try_update(id, change).await?;
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
    pub async fn try_update<T, R, E, F>(
        &self,
        id: &SessionId,
        mut change: F,
    ) -> Result<UpdateOutcome<(R, Session<T>)>, E>
    where
        T: Serialize + DeserializeOwned + Send,
        R: Send,
        E: From<Error> + Send,
        F: FnMut(&mut T) -> Result<R, E> + Send,
    {
        match self.run(&mut Update::new(id, &mut change)).await? {
            Updated::Saved(result, session) => {
                return Ok(UpdateOutcome::Updated((result, session)));
            }
            Updated::Gone => return Ok(UpdateOutcome::Gone),
            Updated::Contended(longest) => sleep(random_delay::up_to(longest)).await,
        }
        let locked = self.lock::<T>(id, UPDATE_LOCK_TIMEOUT).await;
        let Some(mut locked) = locked.map_err(lock_error)? else {
            return Ok(UpdateOutcome::Gone);
        };
        match change(&mut locked.session.data) {
            Ok(result) => {
                let outcome = self.save_locked(locked).await.map_err(lock_error)?;
                Ok(outcome.map(|session| (result, session)))
            }
            Err(error) => {
                locked.transaction.rollback().await;
                Err(error)
            }
        }
    }
}

/// Returns the error of an update whose last attempt, under the lock, failed.
fn lock_error<E: From<Error>>(error: Error) -> E {
    Stopped::Store(error).into_error()
}
