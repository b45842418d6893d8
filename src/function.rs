use crate::schema_name::SchemaName;

/// The functions of the native interface that the client calls.
///
/// This enum is all the SQL there is in the client: one `select` each, columns by name, so that a later store may return
/// more of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    CountSessions,
    CreateSession,
    EndSession,
    LoadSession,
    PruneSessions,
    SaveSession,
    TouchSession,
}

impl Function {
    /// How many there are.
    pub(crate) const COUNT: usize = 7;

    /// The function's place in an array of [`COUNT`](Function::COUNT).
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    pub(crate) fn sql(self, schema: &SchemaName) -> String {
        let (columns, call) = match self {
            Function::CountSessions => ("count_sessions", "count_sessions()"),
            Function::CreateSession => (
                "outcome, version, expires_at, handle",
                "create_session($1, $2, $3, $4, $5, $6, $7, $8)",
            ),
            Function::EndSession => ("end_session", "end_session($1)"),
            Function::LoadSession => ("data, version, expires_at, user_id", "load_session($1, $2)"),
            Function::PruneSessions => ("outcome, deleted, refiled", "prune_sessions($1)"),
            Function::SaveSession => ("outcome, version, expires_at", "save_session($1, $2, $3)"),
            Function::TouchSession => ("touch_session", "touch_session($1)"),
        };
        format!("select {columns} from {}.{call}", schema.quoted())
    }

    /// Whether a call changes more than the time of expiry, so that it matters if a lost one was done.
    pub(crate) fn changes(self) -> bool {
        match self {
            Function::CreateSession
            | Function::EndSession
            | Function::PruneSessions
            | Function::SaveSession => true,
            Function::CountSessions | Function::LoadSession | Function::TouchSession => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_a_quoted_identifier() {
        let schema = SchemaName::new("a\"b").unwrap();
        assert_eq!(
            Function::TouchSession.sql(&schema),
            "select touch_session from \"a\"\"b\".touch_session($1)"
        );
    }
}
