//! The sessions that a task has locked: see `store::lock_registry`, which does the same for a thread.

use std::future::Future;
use std::iter::successors;
use std::sync::Arc;

use crate::error::Error;
use crate::functions::Call;
use crate::store::{Held, check_held};

tokio::task_local! {
    static HELD: Arc<HeldLocks>;
}

/// A lock, and those around it.
struct HeldLocks {
    held: Held,
    outer: Option<Arc<HeldLocks>>,
}

/// Runs work that holds a lock.
pub(super) async fn holding<W: Future>(held: Held, work: W) -> W::Output {
    let outer = HELD.try_with(Arc::clone).ok();
    HELD.scope(Arc::new(HeldLocks { held, outer }), work).await
}

/// Returns true if this task holds a lock.
pub(super) fn is_holding() -> bool {
    HELD.try_with(|_| ()).is_ok()
}

/// Refuses a call that would wait for a session that this task has locked. What the task has spawned is another task.
pub(super) fn check_self_deadlock(call: &Call<'_>) -> Result<(), Error> {
    HELD.try_with(|locks| {
        let locks = successors(Some(&**locks), |locks| locks.outer.as_deref());
        check_held(locks.map(|locks| &locks.held), call)
    })
    .unwrap_or(Ok(()))
}
