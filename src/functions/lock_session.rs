use std::time::{Duration, Instant};

use crate::error::Error;
use crate::functions::call::{Function, Locks};
use crate::functions::load_session_value::LoadedSession;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::Reply;
use crate::session::SessionKey;

/// Loads a live session and locks it until the transaction ends.
pub(crate) struct LockSession<'a> {
    key: &'a SessionKey,
    give_up: Instant,
}

impl<'a> LockSession<'a> {
    /// Creates the call. The wait for the lock begins now, and includes that for a connection.
    pub(crate) fn new(
        key: &'a SessionKey,
        lock_timeout: Duration,
    ) -> Result<LockSession<'a>, Error> {
        if i32::try_from(lock_timeout.as_millis()).is_err() {
            return Err(Error::argument(
                "the lock timeout must be at most 2147483647 milliseconds",
            ));
        }
        Ok(LockSession {
            key,
            give_up: Instant::now() + lock_timeout,
        })
    }
}

impl<'a> Function<'a> for LockSession<'a> {
    const STATEMENT: &'static str =
        "select data, version, expires_at, user_id, server_time from {schema}.lock_session($1, $2)";
    const CHANGES: bool = false;
    const LOCKS: Locks = Locks::Session;
    type Output = Option<LoadedSession>;

    fn parameters(&self) -> Parameters<'a> {
        [Parameter::Key(self.key), Parameter::TimeLeft(self.give_up)].into()
    }

    fn decode(reply: Reply) -> Result<Option<LoadedSession>, Error> {
        reply
            .optional_row()
            .map(LoadedSession::from_row)
            .transpose()
    }
}
