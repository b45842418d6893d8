use std::fmt;

use uuid::Uuid;

use crate::error::Error;
use crate::functions::call::Function;
use crate::functions::columns::Columns;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::{Reply, column};
use crate::session::UserSession;

/// Returns the live session with a handle. For administrators.
pub(crate) struct FindSession {
    pub(crate) handle: Uuid,
}

/// A live session, without its id, its key and its data.
#[derive(Clone)]
#[non_exhaustive]
pub struct FoundSession {
    /// Its user.
    pub user_id: Option<String>,
    /// The session, as its user sees it.
    pub session: UserSession,
}

/// Shows no user.
impl fmt::Debug for FoundSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FoundSession")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

impl<'a> Function<'a> for FindSession {
    const STATEMENT: &'static str = "select user_id, handle, created_at, last_used_at, expires_at, \
        client_address, user_agent, label from {schema}.find_session($1)";
    const CHANGES: bool = false;
    type Output = Option<FoundSession>;

    fn parameters(&self) -> Parameters<'a> {
        [Parameter::Handle(self.handle)].into()
    }

    fn decode(reply: Reply) -> Result<Option<FoundSession>, Error> {
        reply.optional_row().map(|row| found(&row)).transpose()
    }
}

fn found(row: &impl Columns) -> Result<FoundSession, Error> {
    Ok(FoundSession {
        user_id: column(row, 0)?,
        session: UserSession {
            handle: column(row, 1)?,
            created_at: column(row, 2)?,
            last_used_at: column(row, 3)?,
            expires_at: column(row, 4)?,
            client_address: column(row, 5)?,
            user_agent: column(row, 6)?,
            label: column(row, 7)?,
        },
    })
}
