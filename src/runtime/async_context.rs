//! Telling whether this thread may block.
//!
//! The `postgres` crate runs its own tokio runtime for each connection and panics where it must not block: "Cannot start a
//! runtime from within a runtime". A tokio `Handle` alone does not tell that. It also exists inside `spawn_blocking`, under
//! `block_in_place` and under a mere `Runtime::enter`, where blocking is allowed.
//!
//! The cooperative budget that tokio gives to each poll of a task tells them apart: in a task it ends after 128
//! steps at most, elsewhere it has no end. So this code uses it up and gives it back. A task under
//! `tokio::task::unconstrained` has no budget either. If there is a runtime and the budget has no end, this code asks tokio
//! itself whether the thread may block, and catches its panic.
//!
//! Only in such a task does the panic hook report it. Where panics abort (`panic = "abort"`), a call in an `unconstrained` task
//! ends the process, as every call of the driver in a task would.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;
use tokio::task::coop;

use crate::error::Error;

/// More steps than any budget has, because tokio counts it in a byte.
const MORE_THAN_ANY_BUDGET: usize = 256;

/// Returns true if this thread is inside a runtime's context, blocking threads included, or too near its end to tell.
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
    // Each guard resets the budget to what it was before its own step, so the first one must be dropped last.
    while spent.pop().is_some() {}
    ends
}

/// Returns true if tokio lets this thread block. It refuses by a panic.
fn may_block(runtime: &Handle) -> bool {
    catch_unwind(AssertUnwindSafe(|| runtime.block_on(async {}))).is_ok()
}

/// Returns an error if this thread must not block.
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

/// Runs work that blocks, or returns an error if this thread must not block.
pub(crate) fn run_blocking<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    refuse()?;
    work()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Result<u8, Error> {
        run_blocking(|| Ok(7))
    }

    /// Blocks on a runtime of its own, as the driver does.
    fn drive() -> Result<u8, Error> {
        run_blocking(|| {
            tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap()
                .block_on(async { Ok(7) })
        })
    }

    #[test]
    fn plain_thread_may_block() {
        assert_eq!(answer().unwrap(), 7);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let _context = runtime.enter();
        assert_eq!(drive().unwrap(), 7);
    }

    #[test]
    fn task_may_not_block() {
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
    fn budget_is_given_back() {
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
