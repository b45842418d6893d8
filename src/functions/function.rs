use crate::functions::SchemaName;

/// The functions of the native interface that the client calls.
///
/// This enum is all the SQL there is in the client: one `select` each, columns by name, so that a later store may return
/// more of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    CountSessions,
    CreateSession,
    EndSession,
    EndUserSession,
    EndUserSessions,
    LoadSession,
    LockSession,
    LoginSession,
    LogoutSession,
    NotifyChannel,
    PruneSessions,
    RotateSession,
    SaveSession,
    SessionInfo,
    TouchSession,
    UserSessions,
}

impl Function {
    /// How many there are.
    pub(crate) const COUNT: usize = 16;

    /// The function's place in an array of [`COUNT`](Function::COUNT).
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    pub(crate) fn sql(self, schema: &SchemaName) -> String {
        let (columns, call) = match self {
            Function::CountSessions => ("count_sessions", "count_sessions()"),
            Function::CreateSession => (
                "outcome, version, expires_at, handle",
                "create_session($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            ),
            Function::EndSession => ("end_session", "end_session($1)"),
            Function::EndUserSession => ("end_user_session", "end_user_session($1, $2)"),
            Function::EndUserSessions => ("end_user_sessions", "end_user_sessions($1, $2)"),
            Function::LoadSession => ("data, version, expires_at, user_id", "load_session($1, $2)"),
            Function::LockSession => ("data, version, expires_at, user_id", "lock_session($1, $2)"),
            // The parameters come in the order of create_session; login_session has the user first.
            Function::LoginSession => (
                "outcome, expires_at",
                "login_session($1, $2, $5, $3, $4, $6, $7, $8, $9)",
            ),
            Function::LogoutSession => ("outcome, expires_at", "logout_session($1, $2)"),
            Function::NotifyChannel => ("notify_channel", "notify_channel()"),
            Function::PruneSessions => ("outcome, deleted, rescheduled", "prune_sessions($1)"),
            Function::RotateSession => ("outcome, expires_at", "rotate_session($1, $2, $3)"),
            // One row as a value: 2 µs less than as a table. The function is volatile, so the subquery stays one, and calls it once.
            Function::SaveSession => {
                return format!(
                    "select (q.s).outcome, (q.s).version, (q.s).expires_at from (select {}.save_session($1, $2, $3) as s) as q",
                    schema.quoted()
                );
            }
            Function::SessionInfo => (
                "state, reason, handle, user_id, created_at, last_used_at, expires_at, absolute_expires_at, client_address, user_agent, label",
                "session_info($1)",
            ),
            Function::TouchSession => ("touch_session", "touch_session($1)"),
            Function::UserSessions => (
                "handle, created_at, last_used_at, expires_at, client_address, user_agent, label",
                "user_sessions($1)",
            ),
        };
        format!("select {columns} from {}.{call}", schema.quoted())
    }

    /// Whether a call changes more than the time of expiry, so that it matters if a lost one was done.
    pub(crate) fn changes(self) -> bool {
        match self {
            Function::CreateSession
            | Function::EndSession
            | Function::EndUserSession
            | Function::EndUserSessions
            | Function::LoginSession
            | Function::LogoutSession
            | Function::PruneSessions
            | Function::RotateSession
            | Function::SaveSession => true,
            Function::CountSessions
            | Function::LoadSession
            | Function::LockSession
            | Function::NotifyChannel
            | Function::SessionInfo
            | Function::TouchSession
            | Function::UserSessions => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_place() {
        assert_eq!(Function::UserSessions.index() + 1, Function::COUNT);
    }

    #[test]
    fn the_schema_is_a_quoted_identifier() {
        let schema = SchemaName::new("a\"b").unwrap();
        assert_eq!(
            Function::TouchSession.sql(&schema),
            "select touch_session from \"a\"\"b\".touch_session($1)"
        );
    }
}
