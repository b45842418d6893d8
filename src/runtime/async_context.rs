//! Telling whether this thread may block.
//!
//! The `postgres` crate runs its own tokio runtime for each connection and panics where it must not block: "Cannot start a
//! runtime from within a runtime". A `Handle` alone is no proof of that. There is one as well inside `spawn_blocking`, which is
//! the way out that we recommend, under `block_in_place`, and under a mere `Runtime::enter`, and blocking is allowed in all three.
//!
//! What tells them apart is the cooperative budget that tokio gives to each poll of a task: in a task it runs out after 128
//! steps at most, elsewhere it has no end. So we use it up and give it back. A task under `tokio::task::unconstrained` has no
//! budget either. Where a runtime is near and the budget has no end, we therefore put to tokio the question that the driver is
//! about to put, whether this thread may block, and catch its panic if it is no. In such a task, and there alone, the panic
//! hook reports it; and where panics abort (`panic = "abort"`), there is nothing to catch: a call in an `unconstrained` task then
//! ends the process, as every call of the driver in a task would.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;
use tokio::task::coop;

use crate::error::Error;

/// More steps than any budget has: tokio counts it in a byte.
const MORE_THAN_ANY_BUDGET: usize = 256;

/// Whether this thread is inside a runtime's context at all, blocking threads included, or too near its end to say.
pub(crate) fn in_runtime() -> bool {
    Handle::try_current().map_or_else(|error| !error.is_missing_context(), |_| true)
}

fn budget_ends() -> bool {
    let mut context = Context::from_waker(Waker::noop());
    let mut spent = Vec::with_capacity(MORE_THAN_ANY_BUDGET);
    let mut ends = false;
    for _ in 0..MORE_THAN_ANY_BUDGET {
        match coop::poll_proceed(&mut context) {
            Poll::Ready(restore) => spent.push(restore),
            Poll::Pending => {
                ends = true;
                break;
            }
        }
    }
    // Each guard sets the budget back to what it was before its own step, so the first one taken has to have the last word.
    while spent.pop().is_some() {}
    ends
}

/// Whether tokio lets this thread block. It says no by a panic.
fn may_block(runtime: &Handle) -> bool {
    catch_unwind(AssertUnwindSafe(|| runtime.block_on(async {}))).is_ok()
}

/// Refuses to go on where this thread must not block.
pub(crate) fn refuse() -> Result<(), Error> {
    let may = match Handle::try_current() {
        Ok(runtime) => !budget_ends() && may_block(&runtime),
        Err(error) => error.is_missing_context(),
    };
    if may {
        Ok(())
    } else {
        Err(Error::async_context())
    }
}

/// Does what blocks, or says that it must not be done here.
pub(crate) fn block<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    refuse()?;
    work()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Result<u8, Error> {
        block(|| Ok(7))
    }

    /// What the driver does.
    fn drive() -> Result<u8, Error> {
        block(|| {
            tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap()
                .block_on(async { Ok(7) })
        })
    }

    #[test]
    fn a_plain_thread_may_block() {
        assert_eq!(answer().unwrap(), 7);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let _context = runtime.enter();
        assert_eq!(drive().unwrap(), 7);
    }

    #[test]
    fn a_task_may_not() {
        for runtime in [
            tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .build()
                .unwrap(),
        ] {
            runtime.block_on(async {
                assert!(answer().unwrap_err().is_async_context());
                let task = tokio::spawn(async { answer().unwrap_err().is_async_context() });
                assert!(task.await.unwrap());
                assert_eq!(
                    tokio::task::spawn_blocking(drive).await.unwrap().unwrap(),
                    7
                );
            });
            runtime.block_on(tokio::task::unconstrained(async {
                assert!(answer().unwrap_err().is_async_context());
            }));
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, async {
                let task =
                    tokio::task::spawn_local(async { answer().unwrap_err().is_async_context() });
                assert!(task.await.unwrap());
            });
        }
    }

    #[test]
    fn block_in_place_may_block() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let task = tokio::spawn(async { tokio::task::block_in_place(drive) });
            assert_eq!(task.await.unwrap().unwrap(), 7);
        });
    }

    #[test]
    fn the_budget_is_given_back() {
        let steps = || {
            let mut context = Context::from_waker(Waker::noop());
            let mut steps = 0;
            while let Poll::Ready(restore) = coop::poll_proceed(&mut context) {
                restore.made_progress();
                steps += 1;
            }
            steps
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let untouched = runtime.block_on(async { steps() });
        let asked = runtime.block_on(async {
            assert!(budget_ends());
            steps()
        });
        assert_eq!(asked, untouched);
        assert!(untouched > 0);
    }
}
