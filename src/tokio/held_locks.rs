//! The sessions that a task has locked: see `store::lock_registry`, which does the same for a thread.

use std::future::Future;
use std::iter::successors;
use std::sync::Arc;

use crate::error::Error;
use crate::functions::{Call, SchemaName};
use crate::store::{Held, check_held};

tokio::task_local! {
    static HELD: Arc<HeldLocks>;
}

/// A lock, and those around it.
struct HeldLocks {
    held: Held,
    /// The address of the pool whose connection holds it.
    pool: Option<usize>,
    outer: Option<Arc<HeldLocks>>,
}

/// Runs work that holds a lock.
pub(super) async fn holding<W: Future>(held: Held, pool: Option<usize>, work: W) -> W::Output {
    let outer = HELD.try_with(Arc::clone).ok();
    let locks = Arc::new(HeldLocks { held, pool, outer });
    HELD.scope(locks, work).await
}

/// Returns how many connections of this pool keep locks of this task.
pub(super) fn count(pool: usize) -> usize {
    HELD.try_with(|locks| {
        successors(Some(&**locks), |locks| locks.outer.as_deref())
            .filter(|locks| locks.pool == Some(pool))
            .count()
    })
    .unwrap_or(0)
}

/// Refuses a call that would wait for a session that this task has locked. What the task has spawned is another task.
pub(super) fn check_self_deadlock(schema: &SchemaName, call: &Call<'_>) -> Result<(), Error> {
    HELD.try_with(|locks| {
        let locks = successors(Some(&**locks), |locks| locks.outer.as_deref());
        check_held(locks.map(|locks| &locks.held), schema, call)
    })
    .unwrap_or(Ok(()))
}
