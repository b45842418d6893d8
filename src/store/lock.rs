//! A session under a lock.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::connection::Backend;
use crate::error::Error;
use crate::functions::{LockSession, SaveReply};
use crate::session::{Session, SessionId};
use crate::store::Store;
use crate::store::lock_registry::HeldLock;

impl<B: Backend> Store<B> {
    /// Works on a session that nobody else can change meanwhile, then saves it. `None` if there is no live one.
    ///
    /// For the few places where two requests of one visitor must not run at the same time, such as a payment. Everything else is
    /// better off with [`update`](Store::update), and no request as a whole should run under a lock: a page that loads twenty
    /// things then loads them one after the other, one that hangs stops all of a visitor's tabs, and each that waits keeps a
    /// connection from others. That is why this library never locks by itself for longer than a statement.
    ///
    /// In one transaction: loads and locks the session, for which it waits up to `wait` (a millisecond at least); calls
    /// `work`; saves what that did to the session's data; commits. That is four round trips. If `work` fails or panics, it rolls
    /// back instead. Meanwhile [`load`](Store::load), [`peek`](Store::peek) and [`touch`](Store::touch) of others do not
    /// wait, and see the session as it was; what changes or ends it does wait, without limit. A log-out does, too: so be quick.
    ///
    /// With a pool, `work` has one of its connections. On a connection [of the application's own](Store::on) it runs in a
    /// transaction there. In a transaction of the application's it runs under a savepoint, and the session stays locked until
    /// that transaction ends, so that the application can go on under the lock.
    ///
    /// If `work` takes so long that the session expires, it is not saved, and the answer is `None`.
    ///
    /// # Deadlocks
    ///
    /// `work` changes the session that it is given, and leaves the store alone as far as this session is concerned: any other way
    /// to change or end it would wait for `work` itself. On the same thread that is [refused](Error::is_locked); elsewhere it
    /// would wait for ever. For other calls in `work` the pool needs another connection.
    ///
    /// Two threads that lock two sessions in opposite order, one call inside the other, wait for each other until the `wait` of
    /// one of them is over: they have two connections each, so the server sees no circle. In transactions of the application's own
    /// it does, and ends one of them with SQLSTATE 40P01 after its `deadlock_timeout`, a second by default.
    ///
    /// # Errors
    ///
    /// What `work` returns; and as for [`load`](Store::load) and [`save`](Store::save); and that the session
    /// [stayed locked](Error::is_locked) for all of `wait`, or that `wait` [is refused](Error::is_invalid_argument), being more than
    /// 24 days. After an error nothing is saved, unless the outcome [is unknown](Error::is_outcome_unknown). A connection that turns
    /// out to be dead is replaced as long as `work` has not begun. (In a database that is not in UTF8,
    /// set [`ascii_json`](crate::StoreBuilder::ascii_json): a transaction cannot find out.)
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use connect_pg::{Error, Session, SessionId, Store};
    ///
    /// # fn charge(_: u64) -> Result<(), Error> { Ok(()) }
    /// /// Pays what is due, once, however often the visitor clicks.
    /// fn pay(store: &Store, id: &SessionId) -> Result<Option<u64>, Error> {
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
        wait: Duration,
        work: F,
    ) -> Result<Option<R>, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<Error>,
        F: FnOnce(&mut Session<T>) -> Result<R, E>,
    {
        Ok(self.lock(id, wait, work)?.map(|(_, result)| result))
    }

    /// As `with_locked`, and returns the session as well.
    pub(super) fn lock<T, R, E, F>(
        &self,
        id: &SessionId,
        wait: Duration,
        work: F,
    ) -> Result<Option<(Session<T>, R)>, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<Error>,
        F: FnOnce(&mut Session<T>) -> Result<R, E>,
    {
        let key = id.key();
        let lock = LockSession::new(&key, wait)?;
        self.in_transaction(&lock, |transaction, locked| {
            let Some(locked) = locked else {
                return Ok(None);
            };
            let mut session = locked.into_session(id.clone(), key)?;
            let result = {
                let _held = HeldLock::new(key, session.user_id());
                work(&mut session)?
            };
            if session.key != key {
                return Err(replaced().into());
            }
            match self.within(transaction).save_data(&session) {
                Ok(SaveReply::Saved {
                    version,
                    expires_at,
                }) => {
                    session.set_saved(version, expires_at);
                    Ok(Some((session, result)))
                }
                Ok(SaveReply::Gone) => Ok(None),
                Ok(SaveReply::Conflict | SaveReply::Same { .. }) => Err(replaced().into()),
                Err(error) => {
                    if error.is_untranslatable() && B::USABLE_AFTER_ERROR {
                        self.remember_ascii(); // for the next one
                    }
                    Err(error.with_nothing_done().into())
                }
            }
        })
    }
}

/// A `Session` is a value like any other, so another one, or an older copy, may have been put in the place of the locked one.
fn replaced() -> Error {
    Error::argument("the locked session was replaced by another one, or by an older copy")
}
