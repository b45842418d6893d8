use std::error::Error as StdError;

use tokio_postgres::error::SqlState;

use super::Error;
use super::kind::{ErrorKind, Kind, is_unavailable_code};
#[cfg(feature = "admin")]
use super::redacted::ServerMessage;
#[cfg(feature = "admin")]
use super::tls_failure::TlsError;
use super::tls_failure::TlsFailure;

impl Error {
    /// Returns the kind of failure.
    ///
    /// If several predicates are true, the kind is the first of them in the order of [`ErrorKind`]. But a conflict comes
    /// before the lock that ended it.
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
            Kind::Tls(_) => ErrorKind::Tls,
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

    /// Returns true if the call was made inside an async runtime, where this synchronous library must not block.
    ///
    /// Nothing was sent. Use the asynchronous store of the module `tokio`; see the [crate documentation](crate#async-runtimes).
    #[must_use]
    pub fn is_async_context(&self) -> bool {
        self.0.kind == Kind::AsyncContext
    }

    /// Returns true if the store is not installed in this database, or is under another schema name.
    ///
    /// SQLSTATE 3F000 (no such schema), 42883 (no such function) or 42P01 (no such table). Run `session-admin install`, or give
    /// the right [schema name](crate::StoreBuilder::schema).
    #[must_use]
    pub fn is_not_installed(&self) -> bool {
        self.0.kind != Kind::Application
            && self.has_code(&[
                SqlState::INVALID_SCHEMA_NAME,
                SqlState::UNDEFINED_FUNCTION,
                SqlState::UNDEFINED_TABLE,
            ])
    }

    /// Returns true if the database cannot be reached or cannot serve now, so that the same call may succeed later.
    ///
    /// An outage is no logout: answer 503 and leave the cookie alone. The reasons are:
    ///
    /// - no connection could be made, or a connection broke;
    /// - a named [password file](crate::StoreBuilder::password_file) cannot be read;
    /// - the server did not answer within the [call timeout](crate::StoreBuilder::call_timeout);
    /// - the pool stayed busy for its whole [timeout](crate::StoreBuilder::pool_timeout), or is [closed](crate::Store::close);
    /// - SQLSTATE class 08 (connection), class 53 (resources, too many connections), 58000 and 58030 (input and output);
    /// - SQLSTATE 57P01 to 57P05 (shutdown, crash, starting up) or 57014 (canceled, as by `statement_timeout`);
    /// - SQLSTATE 25P03 and 25P04 (`transaction_timeout` and the like), and every error after which the server closes the connection;
    /// - SQLSTATE 55P03 of a call that waits for no session: an administrator's command keeps the table locked;
    /// - SQLSTATE 25006 (the server is read-only: a standby).
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self.0.kind {
            Kind::Broken
            | Kind::CallTimeout(_)
            | Kind::TableLocked
            | Kind::PoolTimeout(..)
            | Kind::PoolBlocked(_)
            | Kind::PoolClosed => true,
            Kind::Connect => self.0.code.as_ref().is_none_or(is_unavailable_code),
            _ => self.0.code.as_ref().is_some_and(is_unavailable_code),
        }
    }

    /// Returns true if it is unknown whether the change was made.
    ///
    /// The connection broke after the call was sent and before its reply came, and repeating it could not settle the
    /// matter. Load the session to see what is stored. An error that returns `false` here changed nothing, or, for a
    /// [`load`](crate::Store::load), nothing but the time of expiry.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        self.0.outcome_unknown
    }

    /// Returns true if the data is larger than the store accepts: SQLSTATE 54000.
    ///
    /// The limit is the store's setting `max_data_bytes`, in bytes of the JSON text, 1 MiB by default. What is stored is
    /// untouched.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.0.kind != Kind::Application && self.has_code(&[SqlState::PROGRAM_LIMIT_EXCEEDED])
    }

    /// Returns true if an argument or a setting is invalid. This library refuses it before anything is sent, or the server does.
    ///
    /// For example: a timeout that is not whole seconds, an empty schema name, a NUL in a text, a malformed database URL;
    /// SQLSTATE 22023, 22004, and class 22 otherwise (22021 and 22P05: a character that the database's encoding cannot hold). It is
    /// the application's mistake or the deployment's, not the visitor's: see [`is_malformed_id`](Error::is_malformed_id).
    #[must_use]
    pub fn is_invalid_argument(&self) -> bool {
        matches!(self.0.kind, Kind::Argument(_) | Kind::Settings)
            || self.has_class("22") && !self.is_mixed_up_statement()
    }

    /// Returns true if a text is not a [session id](crate::SessionId): a [`ParseSessionIdError`](crate::ParseSessionIdError) that
    /// `?` has made an `Error`.
    ///
    /// Such a text comes from a visitor. Answer with a new session or a 400, and do not log it as an error.
    #[must_use]
    pub fn is_malformed_id(&self) -> bool {
        self.0.kind == Kind::SessionId
    }

    /// Returns true if the role may not do this: SQLSTATE 42501, class 28 (it could not log in), or the server asks for a
    /// password and there is none.
    ///
    /// The runtime role may execute the store's functions and nothing else. `session-admin check` shows what is wrong with its
    /// privileges; `session-admin rotate-password` sets its password.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        self.0.kind == Kind::NoPassword
            || self.has_code(&[SqlState::INSUFFICIENT_PRIVILEGE])
            || self.has_class("28")
    }

    /// Returns true if the client refused a connection that is not as safe as its settings ask, or the server refused the
    /// client's certificate. [`tls_failure`](Error::tls_failure) says why.
    ///
    /// The settings are wrong, or something between client and server is. Do not retry with weaker settings.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls_failure().is_some()
    }

    /// Returns why the connection is not as safe as its settings ask, or None for any other error.
    #[must_use]
    pub fn tls_failure(&self) -> Option<TlsFailure> {
        match self.0.kind {
            Kind::Tls(failure) => Some(failure),
            _ => None,
        }
    }

    /// Returns true if the session's data could not be turned into JSON, or the stored JSON does not fit the type.
    ///
    /// The stored session is unchanged. After a deployment that changed the type, load it as a `serde_json::Value`, or
    /// begin a new session.
    #[must_use]
    pub fn is_invalid_data(&self) -> bool {
        matches!(self.0.kind, Kind::Encode(_) | Kind::Decode(_))
    }

    /// Returns true if [`update`](crate::Store::update) gave up: other clients changed the session before each of its saves, and
    /// then kept it locked.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self.0.kind, Kind::Conflict(_))
    }

    /// Returns true if the user has as many sessions as allowed, and the store's setting `reject_over_limit` is on.
    ///
    /// Nothing was created or changed. The server returned it without an error, so a transaction of the application's goes on.
    /// Show the user the [sessions](crate::Store::user_sessions), and let the user end one.
    #[must_use]
    pub fn is_session_limit(&self) -> bool {
        self.0.kind == Kind::SessionLimit
    }

    /// Returns true if another client locked the session for longer than the call waits: SQLSTATE 55P03.
    ///
    /// Also if the call would wait for ever: the [`with_locked`](crate::Store::with_locked) around it, on the same thread or
    /// in the same task, has locked the session that it needs. A user with the same name in another database counts as the same, if the
    /// schemas have the same name.
    /// Also if other calls that may wait for a lock use their share of the pool for as long. Nothing was changed.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        matches!(self.0.kind, Kind::LockedByCaller | Kind::LockedInPool)
            || !matches!(self.0.kind, Kind::Application | Kind::TableLocked)
                && self.has_code(&[SqlState::LOCK_NOT_AVAILABLE])
    }

    /// Returns true if there is nothing to [listen](crate::Store::listen) to, because the store sends no notifications.
    ///
    /// Run `session-admin configure notify_channel=NAME`.
    #[must_use]
    pub fn is_notifications_off(&self) -> bool {
        self.0.kind == Kind::NotificationsOff
    }

    /// Returns true if a newer version of connect-pg installed the store in this database. An older one must not replace it.
    ///
    /// Only functions of the module `install` return it. Use the newer program.
    #[cfg(feature = "install")]
    #[must_use]
    pub fn is_newer_database(&self) -> bool {
        self.0.kind == Kind::Newer
    }

    /// Returns true if an install has done everything but build an index, since a transaction stayed open for example.
    ///
    /// Only functions of the module `install` return it. The store works without the index, but slowly. Call `install` again.
    #[cfg(feature = "install")]
    #[must_use]
    pub fn is_index_not_built(&self) -> bool {
        self.0.kind == Kind::IndexNotBuilt
    }

    /// Returns the SQLSTATE, if the server gave one: five characters.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_ref().map(SqlState::code)
    }

    /// Returns what a [TLS failure](Error::tls_failure) is, and what to do, for session-admin.
    #[cfg(feature = "admin")]
    #[doc(hidden)]
    #[must_use]
    pub fn tls_message(&self) -> Option<(String, String)> {
        let (text, hint) = match self.get_ref()?.downcast_ref::<TlsError>() {
            Some(refusal) => (refusal.text().to_owned(), Some(&*refusal.hint)),
            None if self.is_tls() => (self.server_message()?.0, None),
            None => return None,
        };
        let hints: Vec<&str> = hint.into_iter().chain(self.0.hint).collect();
        Some((text, hints.join("; ")))
    }

    /// Returns the message and the hint of the server, for session-admin.
    #[cfg(feature = "admin")]
    #[doc(hidden)]
    #[must_use]
    pub fn server_message(&self) -> Option<(String, Option<&str>)> {
        let message: &ServerMessage = self.get_ref()?.downcast_ref()?;
        Some((message.without_hint(), message.hint()))
    }

    /// Returns the error of the driver or the operating system beneath this one.
    ///
    /// For example, an [`std::io::Error`] tells a missing socket from one that this user may not open. As with
    /// [`std::io::Error::get_ref`], its text is part of this error's `Display` already.
    #[must_use]
    pub fn get_ref(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }

    /// Returns true if the connection that gave this error is of no more use: broken, closed, or to a server that cannot write.
    pub(crate) fn is_connection_lost(&self) -> bool {
        self.0.kind == Kind::Broken || self.is_call_timeout()
    }

    /// Returns true if the server did not answer in time.
    pub(crate) fn is_call_timeout(&self) -> bool {
        matches!(self.0.kind, Kind::CallTimeout(_))
    }

    /// Returns true if the server accepts no further connection, for all roles or for this one.
    pub(crate) fn is_out_of_connections(&self) -> bool {
        self.0.kind == Kind::Connect && self.has_code(&[SqlState::TOO_MANY_CONNECTIONS])
    }

    /// Returns true if neither the server nor the network says why no connection was made, but the driver.
    pub(crate) fn is_unexplained(&self) -> bool {
        matches!(self.0.kind, Kind::Settings | Kind::NoPassword)
    }

    /// Returns true if the server executed nothing because it is read-only.
    pub(crate) fn is_read_only(&self) -> bool {
        self.has_code(&[SqlState::READ_ONLY_SQL_TRANSACTION])
    }

    /// Returns true if the server has lost the prepared statement, or an install has changed what it returns.
    pub(crate) fn is_stale_statement(&self) -> bool {
        self.is_changed_statement() || self.has_code(&[SqlState::INVALID_SQL_STATEMENT_NAME])
    }

    /// Returns true if an install has changed what the prepared statement returns.
    pub(crate) fn is_changed_statement(&self) -> bool {
        self.has_code(&[SqlState::FEATURE_NOT_SUPPORTED])
    }

    /// Returns true if a prepared statement was another program's, or was prepared by one: 26000 (it does not exist here), 42P05 (it
    /// exists already), 08P01 (it has other parameters), 22P03 and 22012 (the same, found later). Nothing was executed.
    pub(crate) fn is_mixed_up_statement(&self) -> bool {
        self.0.kind == Kind::Server
            && self.has_code(&[
                SqlState::INVALID_SQL_STATEMENT_NAME,
                SqlState::DUPLICATE_PSTATEMENT,
                SqlState::PROTOCOL_VIOLATION,
                SqlState::INVALID_BINARY_REPRESENTATION,
                SqlState::DIVISION_BY_ZERO,
            ])
    }

    /// Returns true if the server canceled the call: `statement_timeout`, or by request.
    pub(crate) fn is_canceled(&self) -> bool {
        self.has_code(&[SqlState::QUERY_CANCELED])
    }

    /// Returns true if the database's encoding cannot hold a character.
    pub(crate) fn is_untranslatable(&self) -> bool {
        self.has_code(&[SqlState::UNTRANSLATABLE_CHARACTER])
    }

    fn has_code(&self, codes: &[SqlState]) -> bool {
        self.0
            .code
            .as_ref()
            .is_some_and(|code| codes.contains(code))
    }

    fn has_class(&self, class: &str) -> bool {
        self.code().is_some_and(|code| code.starts_with(class))
    }
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
