use std::time::Duration;

use crate::error::Error;
use crate::functions::call::{Function, Waits};
use crate::functions::load_session::LoadedSession;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::Reply;
use crate::session::SessionKey;

/// Loads a live session and locks it until the transaction ends.
pub(crate) struct LockSession<'a> {
    key: &'a SessionKey,
    lock_timeout_milliseconds: i32,
}

impl<'a> LockSession<'a> {
    pub(crate) fn new(
        key: &'a SessionKey,
        lock_timeout: Duration,
    ) -> Result<LockSession<'a>, Error> {
        let lock_timeout_milliseconds =
            i32::try_from(lock_timeout.as_millis().max(1)).map_err(|_| {
                Error::argument("the lock timeout must be at most 2147483647 milliseconds")
            })?;
        Ok(LockSession {
            key,
            lock_timeout_milliseconds,
        })
    }
}

impl<'a> Function<'a> for LockSession<'a> {
    const STATEMENT: &'static str =
        "select data, version, expires_at, user_id, server_time from {schema}.lock_session($1, $2)";
    const CHANGES: bool = false;
    type Output = Option<LoadedSession>;

    fn parameters(&self) -> Parameters<'a> {
        [
            Parameter::Key(self.key),
            Parameter::Integer(Some(self.lock_timeout_milliseconds)),
        ]
        .into()
    }

    fn waits(&self) -> Waits<'a> {
        Waits::ForSession(self.key)
    }

    fn decode(reply: Reply) -> Result<Option<LoadedSession>, Error> {
        reply
            .optional_row()
            .map(LoadedSession::from_row)
            .transpose()
    }
}
