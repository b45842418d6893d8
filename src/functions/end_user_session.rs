use uuid::Uuid;

use crate::error::Error;
use crate::functions::attribute_parameters::check_text;
use crate::functions::call::{Function, Locks};
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::Reply;

/// Ends one session of a user. Returns true if it was live.
pub(crate) struct EndUserSession<'a> {
    user_id: &'a str,
    handle: Uuid,
}

impl<'a> EndUserSession<'a> {
    pub(crate) fn new(user_id: &'a str, handle: Uuid) -> Result<EndUserSession<'a>, Error> {
        check_text(Some(user_id), "the user id holds a NUL character")?;
        Ok(EndUserSession { user_id, handle })
    }
}

impl<'a> Function<'a> for EndUserSession<'a> {
    const STATEMENT: &'static str = "select {schema}.end_user_session($1, $2)";
    const CHANGES: bool = true;
    // All sessions, because only the server can find that of a handle.
    const LOCKS: Locks = Locks::UserSessions;
    type Output = bool;

    fn parameters(&self) -> Parameters<'a> {
        [
            Parameter::UserId(Some(self.user_id)),
            Parameter::Handle(self.handle),
        ]
        .into()
    }

    fn decode(reply: Reply) -> Result<bool, Error> {
        reply.value()
    }
}
