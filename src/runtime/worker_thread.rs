//! A thread that stops when its owner is dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::Error;

/// How long a drop waits for the thread.
const MAX_STOP: Duration = Duration::from_secs(5);

/// Owns a thread. Dropping it asks the thread to stop and waits until it has stopped, at most 5 seconds.
///
/// A drop does not wait for [`StopSignal::detached`] work, and not at all on the thread itself. The wait blocks on a mutex
/// and on no runtime, so a drop is safe in an async task.
pub(crate) struct WorkerThread {
    stop: StopSignal,
    thread: Option<JoinHandle<()>>,
}

/// Tells the thread that it should stop.
#[derive(Clone)]
pub(crate) struct StopSignal(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    stop: bool,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A drop waits for the thread.
    Attached,
    /// A drop does not wait for the thread.
    Detached,
    /// The thread has done its work.
    Ended,
}

impl WorkerThread {
    /// Starts a thread that does `work`. `work` returns soon after the signal is set.
    pub(crate) fn spawn(
        name: &str,
        work: impl FnOnce(&StopSignal) + Send + 'static,
    ) -> Result<WorkerThread, Error> {
        let stop = StopSignal(Arc::new(Shared {
            state: Mutex::new(State {
                stop: false,
                phase: Phase::Attached,
            }),
            changed: Condvar::new(),
        }));
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn({
                let stop = stop.clone();
                move || {
                    let _ended = EndOnDrop(&stop);
                    work(&stop);
                }
            })
            .map_err(Error::thread)?;
        Ok(WorkerThread {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for WorkerThread {
    fn drop(&mut self) {
        let mut state = self.stop.lock();
        state.stop = true;
        self.stop.0.changed.notify_all();
        let Some(thread) = self.thread.take() else {
            return;
        };
        if thread.thread().id() == thread::current().id() {
            return;
        }
        let give_up = Instant::now() + MAX_STOP;
        while state.phase == Phase::Attached {
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.stop.wait(state, left);
        }
        let ended = state.phase == Phase::Ended;
        drop(state);
        if ended {
            // The panic hook has reported a panic already.
            let _ = thread.join();
        }
    }
}

impl StopSignal {
    /// Returns true if the thread should stop.
    pub(crate) fn is_set(&self) -> bool {
        self.lock().stop
    }

    /// Waits for `pause`. Returns true as soon as the thread should stop.
    pub(crate) fn is_set_within(&self, pause: Duration) -> bool {
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

    /// Runs work that a drop of the owner does not wait for. Returns None if the thread should stop.
    pub(crate) fn detached<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        self.set_phase(Phase::Detached);
        let result = (!self.is_set()).then(work);
        let mut state = self.lock();
        if state.stop {
            return None;
        }
        state.phase = Phase::Attached;
        result
    }

    fn set_phase(&self, phase: Phase) {
        self.lock().phase = phase;
        self.0.changed.notify_all();
    }

    // No code panics while it holds the lock, so the state is consistent even if the mutex is poisoned.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        self.0
            .changed
            .wait_timeout(state, time)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

/// Marks the thread as ended, after a panic too.
struct EndOnDrop<'a>(&'a StopSignal);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.set_phase(Phase::Ended);
    }
}

/// Calls the application's callback. A panic in it does not end the thread.
pub(crate) fn run_callback(callback: impl FnOnce()) {
    // The panic hook has reported it.
    let _ = catch_unwind(AssertUnwindSafe(callback));
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const FOREVER: Duration = Duration::MAX;

    #[test]
    fn drop_waits_for_the_end() {
        let (sender, receiver) = mpsc::channel();
        let worker = WorkerThread::spawn("test", move |stop| {
            assert!(stop.is_set_within(FOREVER));
            sender.send(()).unwrap();
        })
        .unwrap();
        drop(worker);
        receiver.try_recv().unwrap();
    }

    #[test]
    fn drop_does_not_wait_for_detached_work() {
        let (started, has_started) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let (sender, receiver) = mpsc::channel();
        let worker = WorkerThread::spawn("test", move |stop| {
            let result = stop.detached(|| {
                started.send(()).unwrap();
                released.recv()
            });
            sender.send(result.is_none()).unwrap();
        })
        .unwrap();
        has_started.recv().unwrap();
        drop(worker);
        release.send(()).unwrap();
        assert!(receiver.recv().unwrap());
    }

    #[test]
    fn drop_on_the_thread_itself_returns() {
        let (send_worker, receive_worker) = mpsc::channel::<WorkerThread>();
        let (sender, receiver) = mpsc::channel();
        let worker = WorkerThread::spawn("test", move |stop| {
            drop(receive_worker.recv().unwrap());
            sender.send(stop.is_set()).unwrap();
        })
        .unwrap();
        send_worker.send(worker).unwrap();
        assert!(receiver.recv().unwrap());
    }

    #[test]
    fn panic_in_a_callback_does_not_end_the_thread() {
        let (sender, receiver) = mpsc::channel();
        let _worker = WorkerThread::spawn("test", move |_| {
            run_callback(|| panic!("on purpose"));
            sender.send(()).unwrap();
        })
        .unwrap();
        receiver.recv().unwrap();
    }

    #[test]
    fn panic_in_the_work_does_not_block_the_drop() {
        let (sender, receiver) = mpsc::channel::<()>();
        let worker = WorkerThread::spawn("test", move |_| {
            let _sender = sender;
            panic!("on purpose");
        })
        .unwrap();
        assert!(receiver.recv().is_err());
        drop(worker);
    }
}
