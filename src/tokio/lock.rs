//! A session under a lock.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::backend::Backend;
use super::backend::sealed::OpenTransaction;
use super::held_locks;
use super::store::Store;
use crate::error::Error;
use crate::functions::operations::{check_same_session, finish_locked};
use crate::functions::{
    Function, LockSession, SaveSession, json, report, report_commit, report_reply,
};
use crate::session::{Session, SessionId, SessionKey};
use crate::store::{Held, UpdateOutcome};
use crate::trace::CallSpan;

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
    /// it waits. Other calls that change something need another connection, so a [`pool_size`](crate::StoreBuilder::pool_size) of
    /// 3 at least; without one [they are refused](Error::is_invalid_argument).
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
        T: Serialize + DeserializeOwned + Send,
        E: From<Error>,
        F: AsyncFnOnce(&mut Session<T>) -> Result<R, E>,
    {
        let Some(mut locked) = self.lock(id, lock_timeout).await? else {
            return Ok(UpdateOutcome::Gone);
        };
        let held = Held::new(&self.schema, locked.session.key, locked.session.user_id());
        match held_locks::holding(held, self.backend.pool(), work(&mut locked.session)).await {
            Ok(result) => {
                let outcome = self.save_locked(locked).await?;
                Ok(outcome.map(|_| result))
            }
            Err(error) => {
                locked.transaction.rollback().await;
                Err(error)
            }
        }
    }

    /// Begins a transaction in which the session is locked. Returns None if there is no live session.
    #[expect(clippy::manual_async_fn, reason = "the bound Send is written down")]
    pub(super) fn lock<T: DeserializeOwned + Send>(
        &self,
        id: &SessionId,
        lock_timeout: Duration,
    ) -> impl Future<Output = Result<Option<LockedSession<B::Transaction, T>>, Error>> + Send {
        async move {
            let key = id.key();
            let lock = LockSession::new(&key, lock_timeout)?;
            let (transaction, reply) = {
                let call = lock.call();
                held_locks::check_self_deadlock(&self.schema, &call)?;
                let span = call.span();
                let begun = self.backend.begin(&self.schema, &call.traced(&span)).await;
                let (transaction, reply) = begun.inspect_err(|error| span.failed(1, error))?;
                report_reply(&call, &span, &reply);
                (transaction, reply)
            };
            let session = LockSession::decode(reply).and_then(|locked| {
                locked
                    .map(|locked| locked.into_session(id.clone(), key))
                    .transpose()
            });
            match session {
                Ok(Some(session)) => Ok(Some(LockedSession {
                    transaction,
                    key,
                    session,
                })),
                result => {
                    transaction.rollback().await;
                    result.map(|_| None)
                }
            }
        }
    }

    /// Saves a locked session and commits.
    #[expect(clippy::manual_async_fn, reason = "the bound Send is written down")]
    pub(super) fn save_locked<T: Serialize + Send>(
        &self,
        mut locked: LockedSession<B::Transaction, T>,
    ) -> impl Future<Output = Result<UpdateOutcome<Session<T>>, Error>> + Send {
        async move {
            let saved = self.save_in_transaction(&mut locked).await;
            let LockedSession {
                transaction,
                session,
                ..
            } = locked;
            match saved {
                Ok(is_live) => {
                    let span = CallSpan::commit();
                    let committed = transaction.commit().await;
                    report_commit(&span, committed.as_ref().copied());
                    committed?;
                    Ok(if is_live {
                        UpdateOutcome::Updated(session)
                    } else {
                        UpdateOutcome::Gone
                    })
                }
                Err(error) => {
                    transaction.rollback().await;
                    if error.is_untranslatable() && B::USABLE_AFTER_ERROR {
                        self.ascii.store(true, Ordering::Relaxed); // for the next call
                    }
                    Err(error.with_nothing_done())
                }
            }
        }
    }

    /// Returns false if the session has expired meanwhile.
    #[expect(clippy::manual_async_fn, reason = "the bound Send is written down")]
    fn save_in_transaction<T: Serialize + Send>(
        &self,
        locked: &mut LockedSession<B::Transaction, T>,
    ) -> impl Future<Output = Result<bool, Error>> + Send {
        async move {
            check_same_session(&locked.session, locked.key)?;
            let mut json = json::encode(&locked.session.data)?;
            if self.ascii.load(Ordering::Relaxed) {
                json = json::to_ascii(&json);
            }
            let save = SaveSession::new(&locked.key, &json, locked.session.version);
            let call = save.call();
            let span = call.span();
            let reply = locked.transaction.execute(&self.schema, &call).await;
            report(&call, &span, &reply);
            finish_locked(SaveSession::decode(reply?)?, &mut locked.session)
        }
    }
}

/// A session and the transaction that locks it.
pub(super) struct LockedSession<X, T> {
    pub(super) transaction: X,
    key: SessionKey,
    pub(super) session: Session<T>,
}
