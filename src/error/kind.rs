use std::time::Duration;

use tokio_postgres::error::{Severity, SqlState};

use super::in_use::InUse;

use super::tls_failure::TlsFailure;

/// What kind of failure an [`Error`](crate::Error) is. From [`Error::kind`](crate::Error::kind).
///
/// An error may leave it open whether a change was made: see [`Error::is_outcome_unknown`](crate::Error::is_outcome_unknown).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// [`Error::is_tls`](crate::Error::is_tls): the connection would not be as safe as its settings ask.
    Tls,
    /// [`Error::is_unavailable`](crate::Error::is_unavailable): the database cannot be reached or cannot serve now.
    Unavailable,
    /// [`Error::is_not_installed`](crate::Error::is_not_installed): the store is not in this database and schema.
    NotInstalled,
    /// [`Error::is_permission_denied`](crate::Error::is_permission_denied): the role may not do this.
    PermissionDenied,
    /// [`Error::is_invalid_argument`](crate::Error::is_invalid_argument): an argument or a setting is invalid.
    InvalidArgument,
    /// [`Error::is_malformed_id`](crate::Error::is_malformed_id): a text is not a session id.
    MalformedId,
    /// [`Error::is_invalid_data`](crate::Error::is_invalid_data): the session's data does not fit JSON, or the stored JSON does not fit the type.
    InvalidData,
    /// [`Error::is_too_large`](crate::Error::is_too_large): the session's data is larger than the store accepts.
    TooLarge,
    /// [`Error::is_conflict`](crate::Error::is_conflict): other clients changed the session before each save of an update.
    Conflict,
    /// [`Error::is_locked`](crate::Error::is_locked): another client, or the caller itself, has locked the session.
    Locked,
    /// [`Error::is_session_limit`](crate::Error::is_session_limit): the user has as many sessions as the store allows.
    SessionLimit,
    /// [`Error::is_notifications_off`](crate::Error::is_notifications_off): the store sends no notifications.
    NotificationsOff,
    /// [`Error::is_async_context`](crate::Error::is_async_context): the call would block a thread of an async runtime.
    AsyncContext,
    /// A newer version of connect-pg installed the store. Only functions of the module `install` return it.
    NewerDatabase,
    /// Anything else: see [`Error::code`](crate::Error::code) and [`Error::get_ref`](crate::Error::get_ref).
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The call would block a thread of an async runtime.
    AsyncContext,
    /// The call needs a runtime of tokio.
    NoRuntime,
    /// No connection could be made.
    Connect,
    /// The connection would not be as safe as its settings ask.
    Tls(TlsFailure),
    /// The server asks for a password, and there is none.
    NoPassword,
    /// A connection broke, or the server closed it.
    Broken,
    /// The server did not answer in time.
    CallTimeout(Duration),
    /// The table stayed locked: the call waits for no session.
    TableLocked,
    /// Every connection of the pool stayed in use.
    PoolTimeout(Duration, InUse),
    /// Every connection of the pool for calls that may wait for a row stayed in use.
    PoolBlocked(Duration),
    /// The same, as long as the call was to wait for the lock of a session.
    LockedInPool,
    /// The pool is closed.
    PoolClosed,
    /// The server refused the call.
    Server,
    /// The server refused a call of the application's own.
    Application,
    /// The server's reply is not what the functions promise.
    Reply(&'static str),
    /// The text is not a session id.
    SessionId,
    /// An argument is refused before anything is sent.
    Argument(&'static str),
    /// The connection settings are refused before anything is sent.
    Settings,
    /// The session's data cannot be written as JSON.
    Encode(&'static str),
    /// The stored data does not fit the type.
    Decode(&'static str),
    /// `update` met a concurrent change each time.
    Conflict(u32),
    /// The user has as many sessions as the store allows.
    SessionLimit,
    /// The call would wait for a session that its own thread or task has locked.
    LockedByCaller,
    /// The store sends no notifications of sessions that end.
    NotificationsOff,
    /// The operating system's random source failed.
    Random,
    /// The operating system refused a thread.
    Thread,
    /// A newer version of this program installed the store.
    #[cfg(feature = "install")]
    Newer,
    /// An install cannot trust or build on what is in the database.
    #[cfg(feature = "install")]
    Install,
    /// An install has done everything but build an index.
    #[cfg(feature = "install")]
    IndexNotBuilt,
}

/// Returns true if the connection is of no more use after this error. Without an SQLSTATE the socket failed, the connection is
/// closed, or the bytes made no sense. Parameters cannot be at fault, because each has a `ToSql` of this library.
pub(super) fn breaks_connection(error: &tokio_postgres::Error) -> bool {
    error
        .as_db_error()
        .is_none_or(|server| ends_connection(server.code(), server.parsed_severity()))
}

/// Returns true if the server closes the connection after this error, or cannot write.
///
/// After FATAL and PANIC it does, whatever the SQLSTATE: 53100 is a refused call, or a crash of the server while it wrote the
/// commit. After ERROR it goes on, except as a standby. 08P01 then means one message that it refused.
fn ends_connection(code: &SqlState, severity: Option<Severity>) -> bool {
    match severity {
        Some(Severity::Fatal | Severity::Panic) => true,
        _ => is_connection_fatal(code) && *code != SqlState::PROTOCOL_VIOLATION,
    }
}

/// `transaction_timeout` of PostgreSQL 17, which the driver does not name.
const TRANSACTION_TIMEOUT: &str = "25P04";

/// Returns true if the server is going away, ends what the connection does, or cannot write as a demoted primary.
pub(super) fn is_connection_fatal(code: &SqlState) -> bool {
    code.code().starts_with("08")
        || [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::DATABASE_DROPPED,
            SqlState::IDLE_SESSION_TIMEOUT,
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ]
        .contains(code)
        || code.code() == TRANSACTION_TIMEOUT
}

pub(super) fn is_unavailable_code(code: &SqlState) -> bool {
    is_connection_fatal(code)
        || code.code().starts_with("53")
        || [
            SqlState::QUERY_CANCELED,
            SqlState::SYSTEM_ERROR,
            SqlState::IO_ERROR,
        ]
        .contains(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Appendix A of the manual: all codes of the classes 08, 53, 57 and 58, and those of other classes that end a connection.
    #[test]
    fn codes_that_end_connections_follow_the_table() {
        use Severity::{Error, Fatal, Panic};
        // Code, severity, the connection has ended, the same call may succeed later.
        for (code, severity, ends, unavailable) in [
            ("08000", Error, true, true),
            ("08001", Error, true, true),
            ("08003", Error, true, true),
            ("08004", Fatal, true, true),
            ("08006", Error, true, true),
            ("08007", Error, true, true),
            ("08P01", Error, false, true),
            ("08P01", Fatal, true, true),
            ("25006", Error, true, true),
            ("25P03", Fatal, true, true),
            ("25P04", Fatal, true, true),
            ("53000", Error, false, true),
            ("53100", Error, false, true),
            ("53100", Panic, true, true),
            ("53200", Error, false, true),
            ("53200", Fatal, true, true),
            ("53300", Fatal, true, true),
            ("53400", Error, false, true),
            ("55P03", Error, false, false),
            ("57000", Error, false, false),
            ("57014", Error, false, true),
            ("57P01", Fatal, true, true),
            ("57P02", Fatal, true, true),
            ("57P03", Fatal, true, true),
            ("57P04", Fatal, true, true),
            ("57P05", Fatal, true, true),
            ("58000", Error, false, true),
            ("58000", Panic, true, true),
            ("58030", Error, false, true),
            ("58030", Panic, true, true),
            ("58P01", Panic, true, false),
            ("XX000", Error, false, false),
            ("XX000", Fatal, true, false),
            ("XX000", Panic, true, false),
            ("XX001", Error, false, false),
            ("22023", Error, false, false),
        ] {
            let state = SqlState::from_code(code);
            let found = (
                ends_connection(&state, Some(severity)),
                is_unavailable_code(&state),
            );
            assert_eq!(found, (ends, unavailable), "{code} {severity:?}");
        }
    }
}
