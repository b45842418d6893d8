//! A session under a lock.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Client;

use super::backend::Backend;
use super::held_locks;
use super::open_connection::query_unnamed;
use super::store::Store;
use super::under_lock::UnderLock;
use crate::connection::final_error;
use crate::error::Error;
use crate::functions::operations::{check_same_session, finish_locked};
use crate::functions::{Function, LockSession, Reply, SaveReply, SaveSession, SchemaName, json};
use crate::session::{Session, SessionId, SessionKey};
use crate::store::{Held, UpdateOutcome};

impl<B: Backend> Store<B> {
    /// Locks a session, so that no other client can change it, runs `work`, and saves what that did to the session's data.
    /// Returns what `work` returned.
    ///
    /// Use it where two requests of one visitor must not run at the same time, such as a payment. Elsewhere use
    /// [`update`](Store::update). The rules are those of [`Store::with_locked`](crate::Store::with_locked): calls that change or
    /// end the session wait meanwhile, so `work` should be quick. It waits up to `lock_timeout` for the lock, at least a
    /// millisecond. If `work` fails or panics, or if the future is dropped before it begins to commit, nothing is saved.
    ///
    /// A call in `work` that would wait for the locked session [is refused](Error::is_locked). In a task that `work` spawns
    /// it waits.
    ///
    /// # Errors
    ///
    /// - What `work` returns, and as for [`load`](Store::load) and [`save`](Store::save).
    /// - The session [stayed locked](Error::is_locked) for all of `lock_timeout`.
    /// - `lock_timeout` is more than 24 days, which [is invalid](Error::is_invalid_argument).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use connect_pg::{Error, Session, SessionId, UpdateOutcome};
    /// use connect_pg::tokio::Store;
    ///
    /// # async fn charge(_: u64) -> Result<(), Error> { Ok(()) }
    /// /// Charges the amount that is due, once, however often the visitor clicks.
    /// async fn pay(store: &Store, id: &SessionId) -> Result<UpdateOutcome<u64>, Error> {
    ///     let work = async |session: &mut Session<u64>| {
    ///         let due = std::mem::take(&mut session.data);
    ///         if due > 0 {
    ///             charge(due).await?;
    ///         }
    ///         Ok(due)
    ///     };
    ///     store.with_locked(id, Duration::from_secs(5), work).await
    /// }
    /// # let _ = pay;
    /// ```
    pub async fn with_locked<T, R, E, F>(
        &self,
        id: &SessionId,
        lock_timeout: Duration,
        work: F,
    ) -> Result<UpdateOutcome<R>, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<Error>,
        F: AsyncFnOnce(&mut Session<T>) -> Result<R, E>,
    {
        let outcome = self.lock(id, lock_timeout, work).await?;
        Ok(outcome.map(|(result, _)| result))
    }

    /// Does what `with_locked` does, and returns the session as well.
    pub(super) async fn lock<T, R, E, F>(
        &self,
        id: &SessionId,
        lock_timeout: Duration,
        work: F,
    ) -> Result<UpdateOutcome<(R, Session<T>)>, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<Error>,
        F: AsyncFnOnce(&mut Session<T>) -> Result<R, E>,
    {
        let key = id.key();
        let lock = LockSession::new(&key, lock_timeout)?;
        let call = lock.call();
        held_locks::check_self_deadlock(&call)?;
        let work = LockedWork {
            id,
            key,
            schema: &self.schema,
            ascii: &self.ascii,
            remembers_ascii: B::USABLE_AFTER_ERROR,
            work,
            data: PhantomData,
        };
        self.backend.in_transaction(&self.schema, &call, work).await
    }
}

/// The application's work on a locked session, and the save behind it.
struct LockedWork<'a, T, F> {
    id: &'a SessionId,
    key: SessionKey,
    schema: &'a SchemaName,
    ascii: &'a AtomicBool,
    remembers_ascii: bool,
    work: F,
    data: PhantomData<fn() -> T>,
}

impl<T, F> LockedWork<'_, T, F> {
    /// Saves in the transaction.
    async fn save(
        schema: &SchemaName,
        ascii: &AtomicBool,
        client: &Client,
        save: SaveSession<'_>,
    ) -> Result<SaveReply, Error> {
        let in_ascii = ascii
            .load(Ordering::Relaxed)
            .then(|| json::to_ascii(save.data));
        let call = match &in_ascii {
            Some(data) => save.call().with_data(data),
            None => save.call(),
        };
        query_unnamed(client, schema, &call)
            .await
            .map_err(|error| final_error(error, call.changes()))
            .and_then(|rows| SaveSession::decode(Reply::new(rows)))
    }
}

impl<T, R, E, F> UnderLock for LockedWork<'_, T, F>
where
    T: Serialize + DeserializeOwned,
    E: From<Error>,
    F: AsyncFnOnce(&mut Session<T>) -> Result<R, E>,
{
    type Output = UpdateOutcome<(R, Session<T>)>;
    type Error = E;

    async fn run(self, client: &Client, reply: Reply) -> Result<Self::Output, E> {
        let Some(locked) = LockSession::decode(reply)? else {
            return Ok(UpdateOutcome::Gone);
        };
        let mut session: Session<T> = locked.into_session(self.id.clone(), self.key)?;
        let held = Held::new(self.key, session.user_id());
        let result = held_locks::holding(held, (self.work)(&mut session)).await?;
        check_same_session(&session, self.key)?;
        let json = json::encode(&session.data)?;
        let save = SaveSession {
            key: &self.key,
            data: &json,
            version: session.version,
        };
        match Self::save(self.schema, self.ascii, client, save).await {
            Ok(reply) => Ok(if finish_locked(reply, &mut session)? {
                UpdateOutcome::Updated((result, session))
            } else {
                UpdateOutcome::Gone
            }),
            Err(error) => {
                if error.is_untranslatable() && self.remembers_ascii {
                    self.ascii.store(true, Ordering::Relaxed); // for the next call
                }
                Err(error.with_nothing_done().into())
            }
        }
    }
}
