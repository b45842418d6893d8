use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::sleep;

use super::backend::Backend;
use super::borrowed::{Borrowed, Lent};
use super::held_locks;
use super::pool::Pool;
use crate::connection::{Connector, PoolStatus};
use crate::error::Error;
use crate::functions::operations::{Next, Operation};
use crate::functions::{Call, Function, Reply, SchemaName, json, report};
use crate::runtime::random_delay;

/// A session store in a PostgreSQL database, for tasks of tokio.
///
/// It has the calls of the synchronous [`Store`](crate::Store), which keep the same promises; the [module](super) says what
/// differs. A store with a [`Pool`] of its own, from [`connect`](Store::connect) or [`builder`](Store::builder), is made once;
/// it is `Send` and `Sync`, and a clone shares the pool. A store [on](Store::on) a borrowed connection or transaction is made
/// where it is used.
///
/// # Errors
///
/// Every call can fail because:
///
/// - the database [cannot be reached](Error::is_unavailable);
/// - the store is [not installed](Error::is_not_installed);
/// - the role [has no permission](Error::is_permission_denied);
/// - it was made outside of a tokio runtime.
///
/// A missing session is no error.
///
/// A broken connection of the pool is replaced and the call repeated once, as by the synchronous [store](crate::Store#errors).
pub struct Store<B = Pool> {
    pub(super) backend: B,
    pub(super) schema: SchemaName,
    pub(super) ascii: Arc<AtomicBool>,
}

impl Store<Pool> {
    pub(super) fn new(pool: Pool, schema: SchemaName, ascii: bool) -> Store {
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

    /// Closes the pool, for all clones of this store. Idle connections are closed now, and the others after their calls.
    ///
    /// Calls that wait for a connection, and those that come later, fail as [unavailable](Error::is_unavailable). A
    /// [listener](Store::listen) has a connection of its own and goes on. A program that just ends need not call it, because
    /// dropping the last clone closes the pool, too.
    pub fn close(&self) {
        self.backend.close();
    }

    /// Returns how connections are made, for one outside of the pool.
    pub(super) fn connector(&self) -> Arc<Connector> {
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
    /// use connect_pg::{Error, SessionAttributes, SessionId};
    /// use connect_pg::tokio::Store;
    /// use connect_pg::tokio_postgres::Client;
    ///
    /// async fn sign_up(client: &mut Client, name: &str) -> Result<SessionId, Error> {
    ///     let mut transaction = client.transaction().await?;
    ///     let statement = "insert into account (name) values ($1) returning id";
    ///     let id: i64 = transaction.query_one(statement, &[&name]).await?.get(0);
    ///     let attributes = SessionAttributes::new().user_id(id.to_string());
    ///     let session = Store::on(&mut transaction).create((), &attributes).await?;
    ///     transaction.commit().await?;
    ///     Ok(session.id().clone())
    /// }
    /// # let _ = sign_up;
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
    // The bounds on these futures are written down. Inferred ones cannot be proved in a caller that spawns.

    /// Calls one function.
    pub(super) fn call<'a, F: Function<'a>>(
        &self,
        function: &F,
    ) -> impl Future<Output = Result<F::Output, Error>> + Send + use<'_, 'a, B, F> {
        let call = function.call();
        async move { self.execute(&call).await.and_then(F::decode) }
    }

    /// Runs an operation of several calls.
    #[expect(clippy::manual_async_fn, reason = "the bound Send is written down")]
    pub(super) fn run<O>(
        &self,
        operation: &mut O,
    ) -> impl Future<Output = Result<O::Output, O::Error>> + Send
    where
        O: Operation + Send,
        O::Output: Send,
    {
        async {
            loop {
                let reply = self.execute(&operation.call()).await;
                let reply = reply.and_then(|reply| operation.decode(reply));
                let pause = match operation.next(reply)? {
                    Next::Done(output) => return Ok(output),
                    Next::Call => continue,
                    Next::CallAfter(longest) => random_delay::up_to(longest),
                };
                sleep(pause).await;
            }
        }
    }

    /// Makes a call.
    fn execute(&self, call: &Call<'_>) -> impl Future<Output = Result<Reply, Error>> + Send {
        self.execute_encoded(call)
    }

    /// Makes a call. Its data is sent as it is, or in ASCII to a database that has refused a character: SQLSTATE 22P05.
    async fn execute_encoded(&self, call: &Call<'_>) -> Result<Reply, Error> {
        held_locks::check_self_deadlock(&self.schema, call)?;
        let Some(data) = call.data().filter(|data| !data.is_ascii()) else {
            return self.execute_once(call).await;
        };
        if !self.ascii.load(Ordering::Relaxed) {
            match self.execute_once(call).await {
                Err(error) if error.is_untranslatable() && B::USABLE_AFTER_ERROR => {}
                result => return result,
            }
        }
        let data = json::to_ascii(data);
        let reply = self.execute_once(&call.with_data(&data)).await?;
        self.ascii.store(true, Ordering::Relaxed);
        Ok(reply)
    }

    /// Makes a call as it is, and reports it.
    async fn execute_once(&self, call: &Call<'_>) -> Result<Reply, Error> {
        let span = call.span();
        let result = self
            .backend
            .execute(&self.schema, &call.traced(&span))
            .await;
        report(call, &span, &result);
        result
    }
}

impl<B> fmt::Debug for Store<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("schema", &self.schema.quoted())
            .finish_non_exhaustive()
    }
}

/// Tasks may share a store.
const _: () = {
    const fn assert<T: Send + Sync + Clone>() {}
    assert::<Store>();
};
