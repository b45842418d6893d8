use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::lock_registry;
use crate::connection::{Backend, Borrowed, Connector, Lent, OpenTransaction, Pool, PoolStatus};
use crate::error::Error;
use crate::functions::operations::{Next, Operation};
use crate::functions::{
    Call, Function, Reply, SchemaName, json, report, report_commit, report_reply,
};
use crate::runtime::random_delay;
use crate::session::Session;
use crate::trace::CallSpan;

/// A session store in a PostgreSQL database.
///
/// A store with a [`Pool`] of its own, from [`connect`](Store::connect) or [`builder`](Store::builder), is made once; it is
/// `Send` and `Sync`, and a clone shares the pool. A store [on](Store::on) a borrowed connection or transaction is made where it is
/// used. The methods are the same.
///
/// Each call is one round trip to the server, once the pool's connection is open and has prepared the call's statement. The
/// check-out from the pool adds none. Loads and saves that wait for a connection
/// [share one call](crate::StoreBuilder::group_calls). [`update`](Store::update) is two calls. Only the database's clock decides expiry.
///
/// A panic during a call, in a closure of the application's for example, leaves the store usable: it is `UnwindSafe`.
///
/// # Errors
///
/// Every call can fail because:
///
/// - the database [cannot be reached](Error::is_unavailable);
/// - the store is [not installed](Error::is_not_installed);
/// - the role [has no permission](Error::is_permission_denied);
/// - it was made [inside an async runtime](Error::is_async_context).
///
/// A missing session is no error.
///
/// A broken connection of the pool is replaced and the call repeated once: the server was restarted, has failed over, or is
/// read-only now (SQLSTATE 57P01, 57P02, 57P03, class 08, 25006). On a borrowed connection nothing is repeated. If that leaves it
/// open whether a change was made, the error [says so](Error::is_outcome_unknown).
pub struct Store<B = Pool> {
    backend: B,
    schema: SchemaName,
    ascii: Arc<AtomicBool>,
}

impl Store<Pool> {
    pub(crate) fn new(pool: Pool, schema: SchemaName, ascii: bool) -> Store {
        Store {
            backend: pool,
            schema,
            ascii: Arc::new(AtomicBool::new(ascii)),
        }
    }

    /// Returns how many connections of the pool are open and idle, and how many calls wait for one.
    #[must_use]
    pub fn pool_status(&self) -> PoolStatus {
        self.backend.status()
    }

    /// Closes the pool, for all clones of this store. Idle connections are closed now, and the others after their call.
    ///
    /// Calls that come later fail as [unavailable](Error::is_unavailable), those of a [pruner](Store::start_pruning) too. A
    /// [listener](Store::listen) has a connection of its own and goes on. A program that just ends need not call it, because
    /// dropping the last clone closes the pool, too. No call is waited for, so this may be called in an async task.
    pub fn close(&self) {
        self.backend.close();
    }

    /// Returns how connections are made, for one outside of the pool.
    pub(crate) fn connector(&self) -> Arc<Connector> {
        self.backend.connector()
    }
}

impl Clone for Store<Pool> {
    fn clone(&self) -> Store {
        Store {
            backend: self.backend.clone(),
            schema: self.schema.clone(),
            ascii: Arc::clone(&self.ascii),
        }
    }
}

impl<'a, C: Lent> Store<Borrowed<'a, C>> {
    /// Returns a store on a connection or a transaction of the application's own.
    ///
    /// In a transaction the session changes when, and only if, the transaction commits. A session that is gone or was changed
    /// by another client is an outcome and no error, so it does not abort the transaction.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use connect_pg::{SessionAttributes, Store};
    /// use postgres::{Client, NoTls};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut client = Client::connect("postgresql://app@localhost/app", NoTls)?;
    /// let mut transaction = client.transaction()?;
    /// transaction.execute("update account set last_login = now() where id = $1", &[&4711_i64])?;
    /// let attributes = SessionAttributes::new().user_id("4711");
    /// let session = Store::on(&mut transaction).create(["cart"], &attributes)?;
    /// transaction.commit()?;
    /// println!("the cookie is {} bytes long", session.id().as_cookie_value().len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn on(client: &'a mut C) -> Store<Borrowed<'a, C>> {
        Store {
            backend: Borrowed::new(client),
            schema: SchemaName::default(),
            ascii: Arc::default(),
        }
    }

    /// Returns the same store in another schema than `web`.
    ///
    /// # Errors
    ///
    /// Returns an error if the name is empty, longer than 63 bytes, or holds a control character.
    pub fn schema(mut self, name: &str) -> Result<Self, Error> {
        self.schema = SchemaName::new(name)?;
        Ok(self)
    }

    /// Returns the same store, which writes JSON in ASCII if `ascii` is true: see
    /// [`StoreBuilder::ascii_json`](crate::StoreBuilder::ascii_json).
    #[must_use]
    pub fn ascii_json(self, ascii: bool) -> Self {
        self.ascii.store(ascii, Ordering::Relaxed);
        self
    }
}

impl<B: Backend> Store<B> {
    pub(crate) fn schema_name(&self) -> &SchemaName {
        &self.schema
    }

    /// Calls one function in a transaction. A character that the database cannot hold aborts it.
    pub(super) fn call_in<'a, F: Function<'a>>(
        &self,
        transaction: &mut dyn OpenTransaction,
        function: &F,
    ) -> Result<F::Output, Error> {
        let call = function.call();
        lock_registry::check_self_deadlock(&self.schema, &call)?;
        let span = call.span();
        let data = call.data().filter(|data| !data.is_ascii());
        let reply = match data {
            Some(data) if self.ascii.load(Ordering::Relaxed) => {
                let data = json::to_ascii(data);
                transaction.execute(&self.schema, &call.with_data(&data))
            }
            _ => transaction.execute(&self.schema, &call),
        };
        report(&call, &span, &reply);
        reply.and_then(F::decode)
    }

    /// Calls one function.
    pub(crate) fn call<'a, F: Function<'a>>(&self, function: &F) -> Result<F::Output, Error> {
        self.execute(&function.call()).and_then(F::decode)
    }

    /// Runs an operation of several calls.
    pub(crate) fn run<O: Operation>(&self, operation: &mut O) -> Result<O::Output, O::Error> {
        loop {
            let reply = self
                .execute(&operation.call())
                .and_then(|reply| operation.decode(reply));
            match operation.next(reply)? {
                Next::Done(output) => return Ok(output),
                Next::Call => {}
                Next::CallAfter(longest) => thread::sleep(random_delay::up_to(longest)),
            }
        }
    }

    /// Begins a transaction with a function, and goes on in it with `work`.
    pub(super) fn in_transaction<'a, F, R, E, W>(&self, first: &F, work: W) -> Result<R, E>
    where
        F: Function<'a>,
        E: From<Error>,
        W: FnOnce(&mut dyn OpenTransaction, F::Output) -> Result<R, E>,
    {
        let call = first.call();
        lock_registry::check_self_deadlock(&self.schema, &call)?;
        let span = call.span();
        let mut commit = None;
        let result =
            self.backend
                .in_transaction(&self.schema, &call.traced(&span), |transaction, reply| {
                    report_reply(&call, &span, &reply);
                    let result = work(transaction, F::decode(reply)?).map_err(Failed::Work)?;
                    commit = Some(CallSpan::commit());
                    Ok(result)
                });
        match (&result, &commit) {
            (Ok(_), Some(commit)) => report_commit(commit, Ok(())),
            (Err(Failed::Store(error)), Some(commit)) => report_commit(commit, Err(error)),
            // Of the first call, unless that has ended.
            (Err(Failed::Store(error)), None) => span.failed(1, error),
            _ => {}
        }
        result.map_err(|failed| match failed {
            Failed::Work(error) => error,
            Failed::Store(error) => error.into(),
        })
    }

    /// Makes a call. Its data is sent as it is, or in ASCII to a database that has refused a character: SQLSTATE 22P05.
    fn execute(&self, call: &Call<'_>) -> Result<Reply, Error> {
        lock_registry::check_self_deadlock(&self.schema, call)?;
        let data = call.data().filter(|data| !data.is_ascii());
        let Some(data) = data else {
            return self.execute_once(call);
        };
        let in_ascii = || {
            let data = json::to_ascii(data);
            self.execute_once(&call.with_data(&data))
        };
        if self.ascii.load(Ordering::Relaxed) {
            return in_ascii();
        }
        match self.execute_once(call) {
            Err(error) if error.is_untranslatable() && B::USABLE_AFTER_ERROR => {
                let reply = in_ascii()?;
                self.remember_ascii();
                Ok(reply)
            }
            result => result,
        }
    }

    /// Makes a call as it is, and reports it.
    fn execute_once(&self, call: &Call<'_>) -> Result<Reply, Error> {
        let span = call.span();
        let result = self.backend.execute(&self.schema, &call.traced(&span));
        report(call, &span, &result);
        result
    }

    /// Sends all data in ASCII from now on.
    pub(super) fn remember_ascii(&self) {
        self.ascii.store(true, Ordering::Relaxed);
    }
}

/// What failed in a transaction.
enum Failed<E> {
    /// What the caller does in it.
    Work(E),
    /// Its first call, or its commit.
    Store(Error),
}

impl<E> From<Error> for Failed<E> {
    fn from(error: Error) -> Failed<E> {
        Failed::Store(error)
    }
}

impl<B> fmt::Debug for Store<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("schema", &self.schema.quoted())
            .finish_non_exhaustive()
    }
}

/// Threads may share a store and a session, and panics may pass them.
const _: () = {
    const fn assert<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
    assert::<Store>();
    assert::<Session<()>>();
};
