use std::time::SystemTime;

use crate::error::Error;
use crate::functions::call::{Function, Locks};
use crate::functions::lifetime_parameters::LifetimeParameters;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::Reply;
use crate::session::SessionKey;

/// Slides a session's expiry. Returns the expiry now in force, or `None` if there is no live session.
pub(crate) struct TouchSession<'a> {
    pub(crate) key: &'a SessionKey,
}

impl<'a> Function<'a> for TouchSession<'a> {
    const STATEMENT: &'static str = "select {schema}.touch_session($1)";
    const CHANGES: bool = false;
    type Output = Option<SystemTime>;

    fn parameters(&self) -> Parameters<'a> {
        [Parameter::Key(self.key)].into()
    }

    fn decode(reply: Reply) -> Result<Option<SystemTime>, Error> {
        reply.value()
    }
}

/// Sets a session's lifetime. Returns the expiry now in force, or `None` if there is no live session.
pub(crate) struct TouchSessionWithLifetime<'a> {
    pub(crate) key: &'a SessionKey,
    pub(crate) lifetime: LifetimeParameters,
}

impl<'a> Function<'a> for TouchSessionWithLifetime<'a> {
    const STATEMENT: &'static str = "select {schema}.touch_session($1, $2, $3, $4)";
    // The expiry may be set to the past.
    const CHANGES: bool = true;
    const LOCKS: Locks = Locks::Session;
    type Output = Option<SystemTime>;

    fn parameters(&self) -> Parameters<'a> {
        let [idle_timeout, absolute_timeout, expires_at] = self.lifetime.parameters();
        [
            Parameter::Key(self.key),
            idle_timeout,
            absolute_timeout,
            expires_at,
        ]
        .into()
    }

    fn decode(reply: Reply) -> Result<Option<SystemTime>, Error> {
        reply.value()
    }
}
