use crate::error::Error;
use crate::functions::attribute_parameters::check_text;
use crate::functions::call::{Function, Locks};
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::{Reply, count};
use crate::session::SessionKey;

/// Ends all sessions of a user, or all but one. Returns how many were live.
pub(crate) struct EndUserSessions<'a> {
    user_id: &'a str,
    except: Option<&'a SessionKey>,
}

impl<'a> EndUserSessions<'a> {
    pub(crate) fn new(
        user_id: &'a str,
        except: Option<&'a SessionKey>,
    ) -> Result<EndUserSessions<'a>, Error> {
        check_text(Some(user_id), "the user id holds a NUL character")?;
        Ok(EndUserSessions { user_id, except })
    }
}

impl<'a> Function<'a> for EndUserSessions<'a> {
    const STATEMENT: &'static str = "select {schema}.end_user_sessions($1, $2)";
    const CHANGES: bool = true;
    const LOCKS: Locks = Locks::UserSessions;
    type Output = u32;

    fn parameters(&self) -> Parameters<'a> {
        [
            Parameter::UserId(Some(self.user_id)),
            Parameter::OptionalKey(self.except),
        ]
        .into()
    }

    fn decode(reply: Reply) -> Result<u32, Error> {
        let row = reply.row()?;
        count(&row, 0)
    }
}
