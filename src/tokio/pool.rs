use std::fmt;
use std::sync::Arc;

use tokio_postgres::Row;

use super::backend::Backend;
use super::backend::sealed::{Executor, OpenTransaction};
use super::exclusive::{ExclusiveConnections, ExclusiveLease, MAX_SAVES};
use super::groups::Groups;
use super::lease::Lease;
use super::limits::{Limits, Places};
use super::pool_inner::PoolInner;
use super::shared::{MAX_PIPELINED, SharedConnections};
use crate::connection::{
    Attempt, CallLimit, Connector, FailedAttempt, GroupMode, PoolOptions, PoolStatus, final_failure,
};
use crate::error::Error;
use crate::functions::{Call, Reply, SchemaName};
use crate::store::StoreParts;

/// The connections of an asynchronous store, unless the builder says otherwise.
pub(super) const DEFAULT_SIZE: u32 = 8;

/// The connections of a [`Store`](super::Store) of its own: 8 by default, and 2 at least.
///
/// A quarter of them, one at least, is for the calls that only read one session or one user's: [`load`](super::Store::load),
/// [`peek`](super::Store::peek), [`touch`](super::Store::touch), [`info`](super::Store::info),
/// [`user_sessions`](super::Store::user_sessions). Many such calls are under way on one connection at once, one behind the
/// other. The other connections serve one call at a time: those that change something, because they may wait for a session
/// that another client has locked, and those that read the whole table. So a save that waits delays no load. A
/// [`with_locked`](super::Store::with_locked) keeps such a connection while its closure works. The calls that may wait for a
/// locked session leave one such connection to the others, and to the calls in those closures. A pool of 2 has only one. So it
/// [refuses](crate::Error::is_invalid_argument) calls in those closures, except those that only read.
///
/// Loads and saves that would wait for a connection [share the next call](crate::StoreBuilder::group_calls) of the database. For
/// that, as many loads or groups of loads are under way as there are connections for them, and two saves or groups of saves.
///
/// A connection is opened when a call needs it, is never pinged, and is replaced after its
/// [lifetime](crate::StoreBuilder::connection_max_lifetime). A task drives it. A clone shares the connections. Dropping the last
/// clone closes them.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<PoolInner>,
}

impl Pool {
    /// Returns a pool without an open connection.
    pub(super) fn new(parts: StoreParts) -> Result<Pool, Error> {
        let PoolOptions {
            size,
            max_lifetime,
            idle_timeout,
            group_mode,
        } = parts.options;
        if size < 2 {
            return Err(Error::argument(
                "the pool of an asynchronous store needs 2 connections, because reads do not wait behind changes",
            ));
        }
        let shared = size.div_ceil(4).min(size - 1);
        let exclusive = size - shared;
        let limits = Limits {
            max_lifetime,
            idle_timeout,
            wait: parts.pool_timeout,
        };
        let waits = Arc::default();
        let shared_places = |each: usize| Places::new(shared as usize * each, &waits);
        let connector = Arc::new(parts.connector);
        Ok(Pool {
            inner: Arc::new(PoolInner {
                shared: SharedConnections::new(
                    Arc::clone(&connector),
                    limits,
                    shared_places(MAX_PIPELINED),
                    shared_places(1),
                    shared as usize,
                ),
                exclusive: ExclusiveConnections::new(
                    Arc::clone(&connector),
                    limits,
                    exclusive as usize,
                    &waits,
                ),
                groups: Groups::new(group_mode, shared as usize, MAX_SAVES),
                connector,
                size,
                timeout: parts.pool_timeout,
                waits,
            }),
        })
    }

    /// Opens one connection, so that a mistake in the settings shows now.
    pub(super) async fn open_one(&self) -> Result<(), Error> {
        let deadline = self.inner.deadline();
        self.inner.shared.take(deadline).await?.connected().await?;
        Ok(())
    }

    /// Returns how connections are made, for one outside of the pool.
    pub(super) fn connector(&self) -> Arc<Connector> {
        Arc::clone(&self.inner.connector)
    }

    pub(super) fn status(&self) -> PoolStatus {
        let shared = self.inner.shared.status();
        let exclusive = self.inner.exclusive.status();
        let groups = self.inner.groups.counts();
        PoolStatus {
            size: self.inner.size,
            open: shared.0 + exclusive.0,
            idle: shared.1 + exclusive.1,
            waiting: self.inner.waits.waiting() + self.inner.groups.waiting(),
            hand_offs: self.inner.waits.hand_offs(),
            groups: groups.groups,
            grouped_calls: groups.calls,
            largest_group: groups.largest,
        }
    }

    pub(super) fn close(&self) {
        self.inner.shared.close();
        self.inner.exclusive.close();
    }
}

impl Backend for Pool {}

impl Executor for Pool {
    type Transaction = PoolTransaction;

    const USABLE_AFTER_ERROR: bool = true;

    fn pool(&self) -> Option<usize> {
        Some(self.inner.exclusive.address())
    }

    async fn execute(&self, schema: &SchemaName, call: &Call<'_>) -> Result<Reply, Error> {
        if !call.can_be_pipelined() {
            self.inner.exclusive.check_self_deadlock()?;
        }
        match call.group() {
            Some(kind) if self.inner.groups.mode != GroupMode::Never => {
                self.inner.execute_groupable(kind, schema, call).await
            }
            _ => {
                let deadline = self.inner.deadline();
                self.inner
                    .execute_alone(schema, call, false, deadline)
                    .await
            }
        }
    }

    async fn begin(
        &self,
        schema: &SchemaName,
        first: &Call<'_>,
    ) -> Result<(PoolTransaction, Reply), Error> {
        self.inner.exclusive.check_self_deadlock()?;
        let deadline = self.inner.deadline();
        let mut lease = self.inner.exclusive.take(first, deadline).await?;
        let mut limit = CallLimit::new(self.inner.connector.call_timeout(), first);
        let reply = begin(&mut lease, schema, first, &mut limit).await?;
        let limit = limit.of_calls_that_follow();
        let closure = InClosure::new(&self.inner.connector);
        Ok((
            PoolTransaction {
                lease,
                limit,
                _closure: closure,
            },
            reply,
        ))
    }
}

/// A transaction on a connection of the pool.
pub struct PoolTransaction {
    /// Dropped, it rolls back.
    lease: ExclusiveLease,
    limit: CallLimit,
    _closure: InClosure,
}

/// Counts a closure of the application's, until it is dropped.
struct InClosure(Arc<Connector>);

impl InClosure {
    fn new(connector: &Arc<Connector>) -> InClosure {
        connector.activity().count_closure(true);
        InClosure(Arc::clone(connector))
    }
}

impl Drop for InClosure {
    fn drop(&mut self) {
        self.0.activity().count_closure(false);
    }
}

impl OpenTransaction for PoolTransaction {
    async fn execute(&mut self, schema: &SchemaName, call: &Call<'_>) -> Result<Reply, Error> {
        let open = self.lease.connected().await?;
        let mut limit = self.limit;
        open.query_unnamed(schema, call, &mut limit)
            .await
            .map(Reply::new)
            .map_err(|failed| final_failure(failed, call.changes()))
    }

    async fn commit(mut self) -> Result<(), Error> {
        let open = self.lease.connected().await?;
        let mut limit = self.limit;
        let committed = open.run("commit", &mut limit).await;
        self.lease.set_in_transaction(false);
        committed.map_err(|failed| final_failure(failed, true))
    }

    async fn rollback(mut self) {
        rollback(&mut self.lease, self.limit).await;
    }
}

/// Begins a transaction with a call. Replaces a broken connection once.
async fn begin(
    lease: &mut ExclusiveLease,
    schema: &SchemaName,
    first: &Call<'_>,
    limit: &mut CallLimit,
) -> Result<Reply, Error> {
    // A stale prepared statement would abort the transaction, so nothing is prepared.
    let mut attempt = Attempt::first(false);
    loop {
        let failed = match begin_once(lease, schema, first, limit).await {
            Ok(rows) => return Ok(Reply::repeated(rows, attempt.may_have_executed)),
            Err(failed) => failed,
        };
        if failed.error.is_connection_lost() {
            lease.discard();
        }
        attempt = match failed.next(first, attempt) {
            Ok(next) => next,
            Err(error) => {
                rollback(lease, limit.of_calls_that_follow()).await;
                return Err(error);
            }
        };
    }
}

async fn begin_once(
    lease: &mut ExclusiveLease,
    schema: &SchemaName,
    first: &Call<'_>,
    limit: &mut CallLimit,
) -> Result<Vec<Row>, FailedAttempt> {
    let open = lease
        .connected()
        .await
        .map_err(FailedAttempt::before_sending)?;
    lease.set_in_transaction(true);
    open.begin(limit)
        .await
        .map_err(FailedAttempt::with_nothing_sent)?;
    open.query_unnamed(schema, first, limit).await
}

/// Ends a transaction that failed. The error of the failure says more than one of the rollback.
async fn rollback(lease: &mut ExclusiveLease, mut limit: CallLimit) {
    if let Some(open) = lease.in_transaction() {
        let _ = open.run("rollback", &mut limit).await;
        lease.set_in_transaction(false);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
