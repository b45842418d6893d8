use std::fmt::Write;
use std::time::{Duration, Instant};

use super::retry::FailedAttempt;
use super::server_session::ServerSession;
use crate::functions::Call;

/// How long one call waits for the server, from its first sending on, in all of its attempts.
#[derive(Clone, Copy)]
pub(crate) struct CallLimit {
    /// For all but the wait for a lock that the caller has limited.
    timeout: Duration,
    lock_timeout: Duration,
    give_up: Option<Instant>,
}

impl CallLimit {
    pub(crate) fn new(timeout: Duration, call: &Call<'_>) -> CallLimit {
        let lock_timeout = call.give_up().map_or(Duration::ZERO, |give_up| {
            give_up.saturating_duration_since(Instant::now())
        });
        CallLimit {
            timeout,
            lock_timeout,
            give_up: None,
        }
    }

    /// Returns the limit of a call that follows in the same transaction.
    pub(crate) fn of_calls_that_follow(self) -> CallLimit {
        CallLimit {
            lock_timeout: Duration::ZERO,
            give_up: None,
            ..self
        }
    }

    /// Returns when the call gives up. The first question starts the time.
    pub(crate) fn give_up(&mut self) -> Instant {
        let all = self.timeout + self.lock_timeout;
        *self.give_up.get_or_insert_with(|| Instant::now() + all)
    }

    /// Returns the failure of an attempt that was not answered by then.
    pub(crate) fn timed_out(self) -> FailedAttempt {
        FailedAttempt::timed_out(self.timeout + self.lock_timeout)
    }

    /// Returns the statement that begins a transaction, in which the server allows for the wait for a lock.
    pub(crate) fn begin(self, session: ServerSession) -> String {
        // Whatever the role's default: after waiting for a lock, the call must see what the lock's holder wrote.
        let mut sql = "start transaction isolation level read committed".to_owned();
        if let Some(timeout) = session
            .statement_timeout
            .filter(|_| !self.lock_timeout.is_zero())
        {
            let milliseconds = (timeout + self.lock_timeout).as_millis().min(2_147_483_647);
            let _ = write!(sql, "; set local statement_timeout = {milliseconds}");
        }
        sql
    }
}
