use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use crate::error::Error;
use crate::pruning::{PruneOptions, PruneRun};
use crate::runtime::random_delay;
use crate::store::Store;
use crate::store::batch_size;

/// The longest wait after errors, unless the interval is longer.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(3600);
/// How long a drop waits for a batch that is under way.
const LONGEST_STOP: Duration = Duration::from_secs(5);

/// A thread that prunes a store, until this is dropped. From [`Store::start_pruning`].
///
/// Dropping it wakes the thread, lets a batch that is under way end, and waits for that, at most 5 seconds (a server that
/// has ceased to answer holds nobody up; the thread then ends by itself). That is safe inside an async runtime.
#[must_use = "pruning stops when the pruner is dropped"]
pub struct Pruner {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stop: bool,
    ended: bool,
    last_round: Option<Arc<PruneRun>>,
}

impl Pruner {
    pub(crate) fn start(store: Store, options: PruneOptions) -> Result<Pruner, Error> {
        batch_size(options.batch)?;
        if options.interval.is_zero() {
            return Err(Error::argument("the interval of pruning is 0"));
        }
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let thread = thread::Builder::new()
            .name("connect-pg pruner".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || {
                    let ended = Ended(&shared);
                    shared.prune_until_stopped(&store, &options);
                    drop(store); // before the end is told: it may hold the last handle to the pool
                    drop(ended);
                }
            })
            .map_err(Error::thread)?;
        Ok(Pruner {
            shared,
            thread: Some(thread),
        })
    }

    /// The last round that ended, or `None` before the first one.
    #[must_use]
    pub fn last_round(&self) -> Option<Arc<PruneRun>> {
        self.shared.lock().last_round.clone()
    }
}

impl Drop for Pruner {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stop = true;
        self.shared.changed.notify_all();
        let Some(thread) = self.thread.take() else {
            return;
        };
        if thread.thread().id() == thread::current().id() {
            return; // dropped by its own callback
        }
        let give_up = Instant::now() + LONGEST_STOP;
        while !state.ended {
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.shared.wait(state, left);
        }
        drop(state);
        // A panic has been reported where it arose.
        let _ = thread.join();
    }
}

impl fmt::Debug for Pruner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pruner")
            .field("last_round", &self.last_round())
            .finish_non_exhaustive()
    }
}

/// Tells, when it is dropped, that the thread is at its end.
struct Ended<'a>(&'a Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    // Nothing panics while it holds the lock, and the state is whole at any moment.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        self.changed
            .wait_timeout(state, time)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    fn prune_until_stopped(&self, store: &Store, options: &PruneOptions) {
        let mut failures = 0;
        let mut pause = random_delay::up_to(options.interval);
        while !self.stopped_within(pause) {
            let round = Arc::new(self.round(store, options.batch));
            failures = if round.error.is_some() {
                failures + 1
            } else {
                0
            };
            if let Some(report) = &options.on_round {
                // A panic in the application's callback is its own; pruning goes on.
                let _ = catch_unwind(AssertUnwindSafe(|| report(&round)));
            }
            self.lock().last_round = Some(round);
            pause = pause_after(options.interval, failures);
        }
    }

    fn round(&self, store: &Store, batch: u32) -> PruneRun {
        let mut round = PruneRun {
            deleted: 0,
            rescheduled: 0,
            busy: false,
            error: None,
            ended_at: SystemTime::UNIX_EPOCH,
        };
        while !self.lock().stop {
            match store.prune(batch) {
                Ok(pruned) => {
                    round.deleted += u64::from(pruned.deleted());
                    round.rescheduled += u64::from(pruned.rescheduled());
                    round.busy = pruned.is_busy();
                    if pruned.is_busy()
                        || pruned.is_complete()
                        || self.stopped_within(pruned.rest())
                    {
                        break;
                    }
                }
                Err(error) => {
                    round.error = Some(error);
                    break;
                }
            }
        }
        round.ended_at = SystemTime::now();
        round
    }

    /// Waits; true as soon as it should stop.
    fn stopped_within(&self, pause: Duration) -> bool {
        let end = Instant::now().checked_add(pause);
        let mut state = self.lock();
        while !state.stop {
            let left = end.map_or(pause, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            state = self.wait(state, left);
        }
        true
    }
}

/// The interval, doubled for each failure in a row and capped, a quarter shorter to a quarter longer.
fn pause_after(interval: Duration, failures: u32) -> Duration {
    let doubled = interval.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
    let pause = doubled.min(LONGEST_BACK_OFF.max(interval));
    (pause / 4 * 3).saturating_add(random_delay::up_to(pause / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_is_the_interval_give_or_take_a_quarter() {
        for _ in 0..1000 {
            let pause = pause_after(Duration::from_secs(100), 0);
            assert!((75..=125).contains(&pause.as_secs()), "{pause:?}");
        }
    }

    #[test]
    fn failures_lengthen_it_up_to_an_hour() {
        assert!(pause_after(Duration::from_secs(60), 3) >= Duration::from_secs(6 * 60));
        for failures in [7, 31, 32, 33, u32::MAX] {
            let pause = pause_after(Duration::from_secs(60), failures);
            assert!(
                (2700..=4500).contains(&pause.as_secs()),
                "{failures} {pause:?}"
            );
        }
        assert!(pause_after(Duration::from_secs(24 * 3600), 9) >= Duration::from_secs(18 * 3600));
    }
}
