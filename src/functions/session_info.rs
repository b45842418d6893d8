use crate::error::Error;
use crate::functions::call::Function;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::{Reply, column};
use crate::session::{EndReason, SessionInfo, SessionKey, SessionState};

/// Returns what is known of a session besides its data.
pub(crate) struct ReadSessionInfo<'a> {
    pub(crate) key: &'a SessionKey,
}

impl<'a> Function<'a> for ReadSessionInfo<'a> {
    const STATEMENT: &'static str = "select state, reason, handle, user_id, created_at, last_used_at, \
        expires_at, absolute_expires_at, client_address, user_agent, label from {schema}.session_info($1)";
    const CHANGES: bool = false;
    type Output = SessionInfo;

    fn parameters(&self) -> Parameters<'a> {
        [Parameter::Key(self.key)].into()
    }

    fn decode(reply: Reply) -> Result<SessionInfo, Error> {
        let row = reply.row()?;
        let state = match column(&row, 0)? {
            "live" => SessionState::Live,
            "expired" => SessionState::Expired,
            "ended" => SessionState::Ended(
                column::<Option<&str>>(&row, 1)?.map_or(EndReason::Other, EndReason::from_name),
            ),
            "missing" => SessionState::Missing,
            _ => return Err(Error::reply("session_info has another state")),
        };
        Ok(SessionInfo {
            state,
            handle: column(&row, 2)?,
            user_id: column(&row, 3)?,
            created_at: column(&row, 4)?,
            last_used_at: column(&row, 5)?,
            expires_at: column(&row, 6)?,
            absolute_expires_at: column(&row, 7)?,
            client_address: column(&row, 8)?,
            user_agent: column(&row, 9)?,
            label: column(&row, 10)?,
        })
    }
}
