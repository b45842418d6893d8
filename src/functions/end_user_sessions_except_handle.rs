use uuid::Uuid;

use crate::error::Error;
use crate::functions::attribute_parameters::check_text;
use crate::functions::call::{Function, Locks};
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::Reply;

/// Ends the live sessions of a user, except the one with a handle. Returns how many there were, or `None` if the user has no live
/// session with that handle. For administrators.
pub(crate) struct EndUserSessionsExceptHandle<'a> {
    user_id: &'a str,
    handle: Uuid,
}

impl<'a> EndUserSessionsExceptHandle<'a> {
    pub(crate) fn new(
        user_id: &'a str,
        handle: Uuid,
    ) -> Result<EndUserSessionsExceptHandle<'a>, Error> {
        check_text(Some(user_id), "the user id holds a NUL character")?;
        Ok(EndUserSessionsExceptHandle { user_id, handle })
    }
}

impl<'a> Function<'a> for EndUserSessionsExceptHandle<'a> {
    const STATEMENT: &'static str = "select {schema}.end_user_sessions_except_handle($1, $2)";
    const CHANGES: bool = true;
    // All sessions, because only the server can find that of a handle.
    const LOCKS: Locks = Locks::UserSessions;
    type Output = Option<u32>;

    fn parameters(&self) -> Parameters<'a> {
        [
            Parameter::UserId(Some(self.user_id)),
            Parameter::Handle(self.handle),
        ]
        .into()
    }

    fn decode(reply: Reply) -> Result<Option<u32>, Error> {
        let count: Option<i32> = reply.value()?;
        count
            .map(|count| {
                u32::try_from(count).map_err(|_| Error::reply("a negative number of rows"))
            })
            .transpose()
    }
}
