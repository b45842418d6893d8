use crate::error::Error;
use crate::functions::call::{Function, Locks};
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::Reply;
use crate::session::SessionKey;

/// Ends a session. Returns true if it was live.
pub(crate) struct EndSession<'a> {
    pub(crate) key: &'a SessionKey,
}

impl<'a> Function<'a> for EndSession<'a> {
    const STATEMENT: &'static str = "select {schema}.end_session($1)";
    const CHANGES: bool = true;
    const LOCKS: Locks = Locks::Session;
    type Output = bool;

    fn parameters(&self) -> Parameters<'a> {
        [Parameter::Key(self.key)].into()
    }

    fn decode(reply: Reply) -> Result<bool, Error> {
        reply.value()
    }
}
