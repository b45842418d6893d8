use std::time::SystemTime;

use crate::error::Error;
use crate::functions::call::Function;
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
