//! A session under a lock.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::lock_registry::HeldLock;
use super::store::Store;
use super::update_outcome::UpdateOutcome;
use crate::connection::Backend;
use crate::error::Error;
use crate::functions::LockSession;
use crate::functions::operations::{check_same_session, finish_locked};
use crate::session::{Session, SessionId};

impl<B: Backend> Store<B> {
    /// Locks a session, so that no other client can change it, calls `work`, and saves what that did to the session's data.
    /// Returns what `work` returned.
    ///
    /// Use it where two requests of one visitor must not run at the same time, such as a payment. Elsewhere use
    /// [`update`](Store::update). Do not run whole requests under a lock: the requests of a page would run one after the other.
    ///
    /// In one transaction, which is four round trips, it loads and locks the session, calls `work`, saves and commits. It waits
    /// up to `lock_timeout` for a connection and the lock, at least a millisecond. If `work` fails or panics, it rolls back. Meanwhile
    /// [`load`](Store::load), [`peek`](Store::peek) and [`touch`](Store::touch) of other clients do not wait, and see the session
    /// as it was. Calls that change or end the session, a logout among them, wait without limit, so `work` should be quick.
    ///
    /// With a pool, `work` holds one of its connections. All calls that may wait for a lock use
    /// [half of them](crate::StoreBuilder::pool_size) at most, except calls that `work` makes on the same thread. On a connection
    /// [of the application's own](Store::on) it runs in a transaction there. In a transaction of the application's it runs under a
    /// savepoint, and the session stays locked until that transaction ends.
    ///
    /// If the session expires during `work`, nothing is saved, and the outcome is [`Gone`](UpdateOutcome::Gone).
    ///
    /// # Deadlocks
    ///
    /// `work` changes the session that it is given. It must not change or end that session through the store, because that
    /// waits for `work` itself. On the same thread such a call [is refused](Error::is_locked); on another it waits. For
    /// other calls in `work` the pool needs another connection; without one [they are refused](Error::is_invalid_argument).
    ///
    /// Two threads that lock two sessions in opposite order, one call inside the other, wait for each other until the
    /// `lock_timeout` of one ends. They have two connections each, so the server sees no deadlock. In transactions of the
    /// application's own it does, and ends one with SQLSTATE 40P01 after its `deadlock_timeout`, a second by default.
    ///
    /// # Errors
    ///
    /// - What `work` returns, and as for [`load`](Store::load) and [`save`](Store::save).
    /// - The session [stayed locked](Error::is_locked) for all of `lock_timeout`.
    /// - `lock_timeout` is more than 24 days, which [is invalid](Error::is_invalid_argument).
    ///
    /// After an error nothing is saved, unless the outcome [is unknown](Error::is_outcome_unknown). A broken connection is
    /// replaced as long as `work` has not begun. In a database that is not in UTF8, set
    /// [`ascii_json`](crate::StoreBuilder::ascii_json), because a transaction cannot find out.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use connect_pg::{Error, Session, SessionId, Store, UpdateOutcome};
    ///
    /// # fn charge(_: u64) -> Result<(), Error> { Ok(()) }
    /// /// Charges the amount that is due, once, however often the visitor clicks.
    /// fn pay(store: &Store, id: &SessionId) -> Result<UpdateOutcome<u64>, Error> {
    ///     store.with_locked(id, Duration::from_secs(5), |session: &mut Session<u64>| {
    ///         let due = std::mem::take(&mut session.data);
    ///         if due > 0 {
    ///             charge(due)?;
    ///         }
    ///         Ok(due)
    ///     })
    /// }
    /// # let _ = pay;
    /// ```
    pub fn with_locked<T, R, E, F>(
        &self,
        id: &SessionId,
        lock_timeout: Duration,
        work: F,
    ) -> Result<UpdateOutcome<R>, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<Error>,
        F: FnOnce(&mut Session<T>) -> Result<R, E>,
    {
        let outcome = self.lock(id, lock_timeout, work)?;
        Ok(outcome.map(|(result, _)| result))
    }

    /// Runs `work` as `with_locked` does, and returns the session as well.
    pub(super) fn lock<T, R, E, F>(
        &self,
        id: &SessionId,
        lock_timeout: Duration,
        work: F,
    ) -> Result<UpdateOutcome<(R, Session<T>)>, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<Error>,
        F: FnOnce(&mut Session<T>) -> Result<R, E>,
    {
        let key = id.key();
        let lock = LockSession::new(&key, lock_timeout)?;
        self.in_transaction(&lock, |transaction, locked| {
            let Some(locked) = locked else {
                return Ok(UpdateOutcome::Gone);
            };
            let mut session = locked.into_session(id.clone(), key)?;
            let result = {
                let _held = HeldLock::new(self.schema_name(), key, session.user_id());
                work(&mut session)?
            };
            check_same_session(&session, key)?;
            match self.save_data_in(transaction, &session) {
                Ok(reply) => Ok(if finish_locked(reply, &mut session)? {
                    UpdateOutcome::Updated((result, session))
                } else {
                    UpdateOutcome::Gone
                }),
                Err(error) => {
                    if error.is_untranslatable() && B::USABLE_AFTER_ERROR {
                        self.remember_ascii(); // for the next call
                    }
                    Err(error.with_nothing_done().into())
                }
            }
        })
    }
}
