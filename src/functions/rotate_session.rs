use std::time::Duration;

use crate::error::Error;
use crate::functions::call::{Function, Locks};
use crate::functions::composite_value::composite;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::{Reply, column, expiry};
use crate::session::{Expiry, SessionKey};

/// Gives a session a new key. The old one can load it during the grace.
pub(crate) struct RotateSession<'a> {
    pub(crate) old_key: &'a SessionKey,
    pub(crate) new_key: &'a SessionKey,
    pub(crate) grace_seconds: i32,
}

/// What `rotate_session`, `login_session` and `logout_session` return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeIdReply {
    /// The session has the new key. A repeated call with the same keys gets this again.
    Rotated { expiry: Expiry },
    /// There is no live session of the old key.
    Gone,
    /// There is another session of the new key.
    Exists,
    /// The user has as many sessions as the store allows.
    LimitReached,
}

impl ChangeIdReply {
    /// Decodes a `saved_session`.
    pub(crate) fn decode(reply: Reply) -> Result<ChangeIdReply, Error> {
        // outcome, version, expires_at, server_time
        let row = reply.composite()?;
        match column(&row, 0)? {
            "rotated" => Ok(ChangeIdReply::Rotated {
                expiry: expiry(&row, 2, 3)?,
            }),
            "gone" => Ok(ChangeIdReply::Gone),
            "exists" => Ok(ChangeIdReply::Exists),
            "limit_reached" => Ok(ChangeIdReply::LimitReached),
            _ => Err(Error::reply("a new id has another outcome")),
        }
    }
}

impl RotateSession<'_> {
    /// Returns the grace in seconds.
    pub(crate) fn grace_seconds(grace: Duration) -> Result<i32, Error> {
        match i32::try_from(grace.as_secs()) {
            Ok(seconds) if seconds <= 60 && grace.subsec_nanos() == 0 => Ok(seconds),
            _ => Err(Error::argument(
                "the grace of a rotation must be whole seconds, from 0 to 60",
            )),
        }
    }
}

impl<'a> Function<'a> for RotateSession<'a> {
    const STATEMENT: &'static str = composite!("{schema}.rotate_session($1, $2, $3)");
    const CHANGES: bool = true;
    const LOCKS: Locks = Locks::Session;
    type Output = ChangeIdReply;

    fn parameters(&self) -> Parameters<'a> {
        [
            Parameter::Key(self.old_key),
            Parameter::Key(self.new_key),
            Parameter::Integer(Some(self.grace_seconds)),
        ]
        .into()
    }

    fn decode(reply: Reply) -> Result<ChangeIdReply, Error> {
        ChangeIdReply::decode(reply)
    }
}
