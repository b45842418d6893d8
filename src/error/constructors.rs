use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::in_use::InUse;
use super::kind::{Kind, breaks_connection};
use super::redacted::{JsonPosition, ServerMessage, TooDeep};
use super::tls_failure::{TlsError, TlsFailure};
use super::{ConnectionTarget, Error, Inner};

impl Error {
    pub(super) fn new(kind: Kind) -> Error {
        Error(Box::new(Inner {
            kind,
            outcome_unknown: false,
            code: None,
            source: None,
            target: None,
            hint: None,
        }))
    }

    pub(super) fn with_code(kind: Kind, code: SqlState) -> Error {
        let mut error = Error::new(kind);
        error.0.code = Some(code);
        error
    }

    pub(super) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Error {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    pub(crate) fn async_context() -> Error {
        Error::new(Kind::AsyncContext)
    }

    /// Returns the error of a thread that is in no runtime of tokio, or whose runtime is shutting down.
    pub(crate) fn no_runtime() -> Error {
        Error::new(Kind::NoRuntime)
    }

    /// Returns the error of a call that was sent on an open connection.
    pub(crate) fn call(error: tokio_postgres::Error) -> Error {
        let broken = breaks_connection(&error);
        Error::postgres(if broken { Kind::Broken } else { Kind::Server }, error)
    }

    /// Returns the same error of a call that waits for no session.
    pub(crate) fn without_wait_for_session(mut self) -> Error {
        if self.0.kind == Kind::Server && self.is_locked() {
            self.0.kind = Kind::TableLocked;
        }
        self
    }

    /// Returns the error of a call of the application's own. Without an SQLSTATE it may be a mistake of the application: a
    /// row that is missing, a column of another type.
    pub(super) fn application(error: tokio_postgres::Error) -> Error {
        let broken = match error.as_db_error() {
            Some(_) => breaks_connection(&error),
            None => error.is_closed() || source_is_io(&error),
        };
        Error::postgres(
            if broken {
                Kind::Broken
            } else {
                Kind::Application
            },
            error,
        )
    }

    /// Returns the error of a failed connection attempt.
    pub(crate) fn connect(error: tokio_postgres::Error, has_password: bool) -> Error {
        if let Some(refusal) = tls_error(&error) {
            return Error::new(Kind::Tls(refusal.failure)).with_source(refusal.clone());
        }
        // The driver does not show its kinds. Without a source, it was a timeout; an I/O error is an outage too. Any other
        // error without a message of the server is a missing password or setting.
        let outage = error.source().is_none() || source_is_io(&error);
        if outage || error.as_db_error().is_some() {
            Error::postgres(Kind::Connect, error)
        } else if has_password {
            Error::new(Kind::Settings).with_source(error)
        } else {
            Error::new(Kind::NoPassword).with_source(error)
        }
    }

    fn postgres(kind: Kind, error: tokio_postgres::Error) -> Error {
        match error.as_db_error() {
            Some(server) => Error::with_code(kind, server.code().clone())
                .with_source(ServerMessage::new(server)),
            None => Error::new(kind).with_source(error),
        }
    }

    /// Returns the error of a server that did not answer in time.
    pub(crate) fn call_timeout(timeout: Duration) -> Error {
        Error::new(Kind::CallTimeout(timeout))
    }

    pub(crate) fn pool_timeout(timeout: Duration, in_use: InUse) -> Error {
        Error::new(Kind::PoolTimeout(timeout, in_use))
    }

    pub(crate) fn pool_blocked(timeout: Duration) -> Error {
        Error::new(Kind::PoolBlocked(timeout))
    }

    pub(crate) fn locked_in_pool() -> Error {
        Error::new(Kind::LockedInPool)
    }

    /// Returns the error of a call that would wait for a connection that its own caller keeps.
    pub(crate) fn pool_kept_by_caller() -> Error {
        Error::argument(
            "the with_locked around this call keeps every connection that it could use: raise pool_size",
        )
    }

    pub(crate) fn pool_closed() -> Error {
        Error::new(Kind::PoolClosed)
    }

    pub(crate) fn reply(what: &'static str) -> Error {
        Error::new(Kind::Reply(what))
    }

    pub(crate) fn column(error: tokio_postgres::Error) -> Error {
        Error::reply("a column is missing or has another type").with_source(error)
    }

    pub(crate) fn attribute(error: Box<dyn StdError + Send + Sync>) -> Error {
        Error::reply("an attribute of a composite value is missing or has another type")
            .with_source(error)
    }

    pub(crate) fn argument(what: &'static str) -> Error {
        Error::new(Kind::Argument(what))
    }

    /// Returns the error of connection settings that are refused. The text names the setting and the hint, and never a password.
    pub(crate) fn connection_settings(text: String) -> Error {
        Error::new(Kind::Settings).with_source(text)
    }

    /// Returns the error of a password file that is empty or cannot be read; it may be written later. The text names the file.
    pub(crate) fn password_file(text: String) -> Error {
        Error::new(Kind::Connect).with_source(text)
    }

    /// Adds the target of the connection.
    pub(crate) fn at(mut self, target: ConnectionTarget) -> Error {
        self.0.target = Some(target);
        self
    }

    /// Returns the error of a connection that would not be as safe as its settings ask.
    pub(crate) fn tls(refusal: TlsError) -> Error {
        Error::new(Kind::Tls(refusal.failure)).with_source(refusal)
    }

    /// Returns the same error of a server that refused a login, as one of TLS. The text gives the hint.
    pub(crate) fn into_tls(mut self, failure: TlsFailure, hint: &'static str) -> Error {
        self.0.kind = Kind::Tls(failure);
        self.with_hint(hint)
    }

    /// Adds what to do, for an error whose text does not say so.
    pub(crate) fn with_hint(mut self, hint: &'static str) -> Error {
        self.0.hint = Some(hint);
        self
    }

    /// Returns the error of a server that cannot be reached.
    pub(crate) fn unreachable(error: std::io::Error) -> Error {
        Error::new(Kind::Connect).with_source(error)
    }

    pub(crate) fn encode<T: ?Sized>(error: &serde_json::Error) -> Error {
        Error::new(Kind::Encode(std::any::type_name::<T>())).with_source(JsonPosition::new(error))
    }

    pub(crate) fn too_deep<T: ?Sized>() -> Error {
        Error::new(Kind::Encode(std::any::type_name::<T>())).with_source(TooDeep)
    }

    pub(crate) fn decode<T: ?Sized>(error: &serde_json::Error) -> Error {
        Error::new(Kind::Decode(std::any::type_name::<T>())).with_source(JsonPosition::new(error))
    }

    /// Returns the error of an `update` that gave up. `locked` is the error of its last attempt, under the lock.
    pub(crate) fn conflict(attempts: u32, locked: Error) -> Error {
        let mut error = Error::new(Kind::Conflict(attempts));
        error.0.code = locked.0.code;
        error.0.source = locked.0.source;
        error
    }

    pub(crate) fn session_limit() -> Error {
        Error::new(Kind::SessionLimit)
    }

    pub(crate) fn locked_by_caller() -> Error {
        Error::new(Kind::LockedByCaller)
    }

    pub(crate) fn notifications_off() -> Error {
        Error::new(Kind::NotificationsOff)
    }

    pub(crate) fn random(error: getrandom::Error) -> Error {
        Error::new(Kind::Random).with_source(error)
    }

    pub(crate) fn thread(error: std::io::Error) -> Error {
        Error::new(Kind::Thread).with_source(error)
    }

    /// Returns the error of a save that was repeated after another client had changed the session.
    pub(crate) fn save_outcome_unknown() -> Error {
        Error::new(Kind::Broken).with_outcome_unknown()
    }

    /// Returns the error of a database that is newer than the program.
    #[cfg(feature = "install")]
    pub(crate) fn newer_database(what: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::new(Kind::Newer).with_source(what)
    }

    /// Returns the error of an install that refuses what it found.
    #[cfg(feature = "install")]
    pub(crate) fn install(what: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::new(Kind::Install).with_source(what)
    }

    /// Returns the error of an install whose lock another session holds. The text names that session.
    #[cfg(feature = "install")]
    pub(crate) fn lock_held(what: String) -> Error {
        Error::with_code(Kind::Install, SqlState::LOCK_NOT_AVAILABLE).with_source(what)
    }

    /// Returns the error of an uninstall of what is in use. The text names what uses it.
    #[cfg(feature = "install")]
    pub(crate) fn in_use(what: String) -> Error {
        Error::with_code(Kind::Install, SqlState::DEPENDENT_OBJECTS_STILL_EXIST).with_source(what)
    }

    /// Returns the error of an install that has done everything but build an index.
    #[cfg(feature = "install")]
    pub(crate) fn index_not_built(index: &str, error: &Error) -> Error {
        let cause = match &error.0.source {
            Some(source) => source.to_string(),
            None => error.to_string(),
        };
        let mut unbuilt = Error::new(Kind::IndexNotBuilt);
        unbuilt.0.code.clone_from(&error.0.code);
        unbuilt.with_source(format!("index {index} could not be built: {cause}"))
    }

    /// Returns the error of a server that is a standby, as a query shows.
    #[cfg(feature = "install")]
    pub(crate) fn standby() -> Error {
        Error::with_code(Kind::Broken, SqlState::READ_ONLY_SQL_TRANSACTION)
    }

    /// Returns the error of a store that does not exist, as a query shows.
    #[cfg(feature = "install")]
    pub(crate) fn not_installed() -> Error {
        Error::with_code(Kind::Server, SqlState::INVALID_SCHEMA_NAME)
    }

    /// Returns the same error again, for each of the calls that one failure concerns.
    pub(crate) fn share(&self) -> Error {
        Error(Box::new(Inner {
            kind: self.0.kind,
            outcome_unknown: self.0.outcome_unknown,
            code: self.0.code.clone(),
            source: self.0.source.clone(),
            target: self.0.target.clone(),
            hint: self.0.hint,
        }))
    }

    pub(crate) fn with_outcome_unknown(mut self) -> Error {
        self.0.outcome_unknown = true;
        self
    }

    pub(crate) fn with_outcome_unknown_if(self, is_unknown: bool) -> Error {
        if is_unknown {
            self.with_outcome_unknown()
        } else {
            self
        }
    }

    /// Records that nothing was done, because the transaction was not committed.
    pub(crate) fn with_nothing_done(mut self) -> Error {
        self.0.outcome_unknown = false;
        self
    }
}

fn source_is_io(error: &tokio_postgres::Error) -> bool {
    error
        .source()
        .is_some_and(<dyn StdError>::is::<std::io::Error>)
}

/// Returns the refusal of this library that the driver passes on.
fn tls_error(error: &tokio_postgres::Error) -> Option<&TlsError> {
    let source = error.source()?;
    source.downcast_ref::<TlsError>().or_else(|| {
        let io = source.downcast_ref::<std::io::Error>()?;
        io.get_ref()?.downcast_ref::<TlsError>()
    })
}
