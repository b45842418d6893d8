use std::time::Duration;

use tokio_postgres::error::SqlState;

/// What kind of failure an [`Error`](crate::Error) is. From [`Error::kind`](crate::Error::kind).
///
/// An error may leave it open whether a change was made: see [`Error::is_outcome_unknown`](crate::Error::is_outcome_unknown).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
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
    #[cfg(feature = "tokio")]
    NoRuntime,
    /// No connection could be made.
    Connect,
    /// The server asks for a password, and there is none.
    NoPassword,
    /// A connection broke, or the server closed it.
    Broken,
    /// Every connection of the pool stayed in use.
    PoolTimeout(Duration),
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
    error.code().is_none_or(is_connection_fatal)
}

/// Returns true if the server is going away, or cannot write as a demoted primary.
pub(super) fn is_connection_fatal(code: &SqlState) -> bool {
    code.code().starts_with("08")
        || [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::DATABASE_DROPPED,
            SqlState::IDLE_SESSION_TIMEOUT,
            SqlState::READ_ONLY_SQL_TRANSACTION,
        ]
        .contains(code)
}

pub(super) fn is_unavailable_code(code: &SqlState) -> bool {
    is_connection_fatal(code) || code.code().starts_with("53") || *code == SqlState::QUERY_CANCELED
}
