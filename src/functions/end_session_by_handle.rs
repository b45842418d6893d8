use uuid::Uuid;

use crate::error::Error;
use crate::functions::call::{Function, Waits};
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::Reply;

/// Ends the session with a handle. Returns true if it was live. For administrators.
pub(crate) struct EndSessionByHandle {
    pub(crate) handle: Uuid,
}

impl<'a> Function<'a> for EndSessionByHandle {
    const STATEMENT: &'static str =
        "select end_session_by_handle from {schema}.end_session_by_handle($1)";
    const CHANGES: bool = true;
    type Output = bool;

    fn parameters(&self) -> Parameters<'a> {
        [Parameter::Handle(self.handle)].into()
    }

    /// Returns all, because only the server can find the session of a handle.
    fn waits(&self) -> Waits<'a> {
        Waits::ForAll
    }

    fn decode(reply: Reply) -> Result<bool, Error> {
        reply.value()
    }
}
