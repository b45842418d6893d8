use tokio_postgres::Row;

use crate::error::Error;
use crate::functions::attribute_parameters::check_text;
use crate::functions::call::Function;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::{Reply, column};
use crate::session::UserSession;

/// Lists the live sessions of a user.
pub(crate) struct ListUserSessions<'a> {
    user_id: &'a str,
}

impl<'a> ListUserSessions<'a> {
    pub(crate) fn new(user_id: &'a str) -> Result<ListUserSessions<'a>, Error> {
        check_text(Some(user_id), "the user id holds a NUL character")?;
        Ok(ListUserSessions { user_id })
    }
}

impl<'a> Function<'a> for ListUserSessions<'a> {
    const STATEMENT: &'static str = "select handle, created_at, last_used_at, expires_at, \
        client_address, user_agent, label from {schema}.user_sessions($1)";
    const CHANGES: bool = false;
    type Output = Vec<UserSession>;

    fn parameters(&self) -> Parameters<'a> {
        [Parameter::UserId(Some(self.user_id))].into()
    }

    fn decode(reply: Reply) -> Result<Vec<UserSession>, Error> {
        reply.rows().iter().map(user_session).collect()
    }
}

fn user_session(row: &Row) -> Result<UserSession, Error> {
    Ok(UserSession {
        handle: column(row, 0)?,
        created_at: column(row, 1)?,
        last_used_at: column(row, 2)?,
        expires_at: column(row, 3)?,
        client_address: column(row, 4)?,
        user_agent: column(row, 5)?,
        label: column(row, 6)?,
    })
}
