use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::Error;

/// What kind of failure an [`Error`] is. From [`Error::kind`].
///
/// Whether a change was made in spite of the error is another question: [`Error::is_outcome_unknown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// [`Error::is_unavailable`]: the database cannot be reached or cannot serve now.
    Unavailable,
    /// [`Error::is_not_installed`]: the store is not in this database and schema.
    NotInstalled,
    /// [`Error::is_permission_denied`]: the role may not do this.
    PermissionDenied,
    /// [`Error::is_invalid_argument`]: an argument or a setting is invalid.
    InvalidArgument,
    /// [`Error::is_malformed_id`]: a text is not a session id.
    MalformedId,
    /// [`Error::is_invalid_data`]: the session's data does not fit JSON, or the stored JSON does not fit the type.
    InvalidData,
    /// [`Error::is_too_large`]: the session's data is larger than the store accepts.
    TooLarge,
    /// [`Error::is_conflict`]: other clients changed the session before each save of an update.
    Conflict,
    /// [`Error::is_locked`]: another client, or this thread, has locked the session.
    Locked,
    /// [`Error::is_session_limit`]: the user has as many sessions as the store allows.
    SessionLimit,
    /// [`Error::is_notifications_off`]: the store sends no notifications.
    NotificationsOff,
    /// [`Error::is_async_context`]: the call would block a thread of an async runtime.
    AsyncContext,
    /// A newer version of connect-pg installed the store. Only functions of the module `install` return it.
    NewerDatabase,
    /// Anything else: see [`Error::code`] and [`Error::get_ref`].
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The call would block a thread of an async runtime.
    AsyncContext,
    /// No connection could be made.
    Connect,
    /// The server asks for a password, and there is none.
    NoPassword,
    /// A connection broke, or the server closed it.
    Broken,
    /// Every connection of the pool stayed in use.
    PoolTimeout(Duration),
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
    /// The call would wait for a session that its own thread has locked.
    LockedByThisThread,
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
}

impl Error {
    /// Returns the kind of failure.
    ///
    /// An error that answers several questions has the kind of the first in the order of [`ErrorKind`], except that a
    /// conflict comes before the lock that ended it.
    ///
    /// # Examples
    ///
    /// ```
    /// use connect_pg::{Error, ErrorKind};
    ///
    /// fn status(error: &Error) -> u16 {
    ///     match error.kind() {
    ///         ErrorKind::Unavailable => 503,
    ///         ErrorKind::MalformedId => 400,
    ///         ErrorKind::Conflict | ErrorKind::Locked | ErrorKind::SessionLimit => 409,
    ///         ErrorKind::TooLarge => 413,
    ///         _ => 500,
    ///     }
    /// }
    /// # let _ = status;
    /// ```
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self.0.kind {
            Kind::AsyncContext => ErrorKind::AsyncContext,
            Kind::SessionId => ErrorKind::MalformedId,
            Kind::Encode(_) | Kind::Decode(_) => ErrorKind::InvalidData,
            Kind::Conflict(_) => ErrorKind::Conflict,
            Kind::SessionLimit => ErrorKind::SessionLimit,
            Kind::NotificationsOff => ErrorKind::NotificationsOff,
            #[cfg(feature = "install")]
            Kind::Newer => ErrorKind::NewerDatabase,
            _ if self.is_unavailable() => ErrorKind::Unavailable,
            _ if self.is_not_installed() => ErrorKind::NotInstalled,
            _ if self.is_permission_denied() => ErrorKind::PermissionDenied,
            _ if self.is_invalid_argument() => ErrorKind::InvalidArgument,
            _ if self.is_too_large() => ErrorKind::TooLarge,
            _ if self.is_locked() => ErrorKind::Locked,
            _ => ErrorKind::Other,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_error_has_the_kind_of_its_code() {
        for (code, kind) in [
            (SqlState::ADMIN_SHUTDOWN, ErrorKind::Unavailable),
            (SqlState::TOO_MANY_CONNECTIONS, ErrorKind::Unavailable),
            (SqlState::UNDEFINED_FUNCTION, ErrorKind::NotInstalled),
            (
                SqlState::INSUFFICIENT_PRIVILEGE,
                ErrorKind::PermissionDenied,
            ),
            (SqlState::INVALID_PASSWORD, ErrorKind::PermissionDenied),
            (
                SqlState::INVALID_PARAMETER_VALUE,
                ErrorKind::InvalidArgument,
            ),
            (SqlState::PROGRAM_LIMIT_EXCEEDED, ErrorKind::TooLarge),
            (SqlState::LOCK_NOT_AVAILABLE, ErrorKind::Locked),
            (SqlState::CHECK_VIOLATION, ErrorKind::Other),
        ] {
            let error = Error::with_code(Kind::Server, code.clone());
            assert_eq!(error.kind(), kind, "{code:?}");
            assert_eq!(error.code(), Some(code.code()));
        }
    }

    #[test]
    fn error_of_the_application_is_not_of_the_store() {
        for code in [
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::UNDEFINED_TABLE,
            SqlState::PROGRAM_LIMIT_EXCEEDED,
        ] {
            let error = Error::with_code(Kind::Application, code);
            assert_eq!(error.kind(), ErrorKind::Other);
            assert!(!error.is_locked() && !error.is_not_installed() && !error.is_too_large());
        }
    }
}
