use uuid::Uuid;

use crate::error::Error;
use crate::functions::call::{Function, Locks};
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::Reply;

/// Ends the session with a handle. Returns true if it was live. For administrators.
pub(crate) struct EndSessionByHandle {
    pub(crate) handle: Uuid,
}

impl<'a> Function<'a> for EndSessionByHandle {
    const STATEMENT: &'static str = "select {schema}.end_session_by_handle($1)";
    const CHANGES: bool = true;
    // All sessions, because only the server can find that of a handle.
    const LOCKS: Locks = Locks::All;
    type Output = bool;

    fn parameters(&self) -> Parameters<'a> {
        [Parameter::Handle(self.handle)].into()
    }

    fn decode(reply: Reply) -> Result<bool, Error> {
        reply.value()
    }
}
