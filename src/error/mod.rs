use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use postgres::error::SqlState;

mod parse_session_id_error;

pub use parse_session_id_error::ParseSessionIdError;

/// What went wrong in a call to the session store.
///
/// The error is opaque: it answers questions, and a new kind of failure is no breaking change. Every answer is decided on
/// the SQLSTATE ([PostgreSQL, appendix A][codes]) or on where the failure arose, never on the text of a message.
///
/// What it shows is safe to log: no session id, no key and no session data is in its `Display`, in its `Debug` or in
/// what it [wraps](Error::get_ref). For that reason an error of the server is kept as severity, SQLSTATE, message and hint;
/// its `DETAIL` and `CONTEXT`, which quote values, are dropped, and so is the text of a `serde_json` error, of which the place
/// is kept.
///
/// `Display` says all there is to say, causes included, in one line: `{error}` is enough for a log. So [`source`], which would
/// say it twice in reports that follow the chain (anyhow's `{:#}`), is always `None`, as the documentation of `source` asks for. The error
/// of the driver or the operating system is there for a look at its type, by [`get_ref`](Error::get_ref). `Debug` begins with the same
/// line, since that is what `fn main() -> Result<(), Error>` prints.
///
/// [`source`]: StdError::source
/// [codes]: https://www.postgresql.org/docs/current/errcodes-appendix.html
///
/// # Examples
///
/// ```no_run
/// use connect_pg::{Error, SessionId, Store};
///
/// fn status(error: &Error) -> u16 {
///     if error.is_unavailable() {
///         503 // an outage is no log-out: keep the visitor's cookie
///     } else if error.is_too_large() {
///         413
///     } else {
///         500
///     }
/// }
///
/// # fn main() -> Result<(), Error> {
/// let store = Store::connect("postgresql://nodepg@localhost/app")?;
/// let id = SessionId::generate()?;
/// if let Err(error) = store.load::<String>(&id) {
///     eprintln!("{error}");
///     println!("answering {}", status(&error));
/// }
/// # Ok(())
/// # }
/// ```
pub struct Error(Box<Inner>);

const NOT_INSTALLED: &str =
    "the session store is not installed in this database and schema: run `session-admin install`";

struct Inner {
    kind: Kind,
    outcome_unknown: bool,
    code: Option<SqlState>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    /// Where a connection was to lead to.
    target: Option<ConnectionTarget>,
}

/// Where a connection was to lead to: never the password.
#[derive(Debug)]
pub(crate) struct ConnectionTarget {
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) server: String,
    /// What was odd about the settings: one sentence each.
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
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
    /// The server refused the call.
    Server,
    /// The server refused a call of the application's own.
    Application,
    /// The server's answer is not what the functions promise.
    Answer(&'static str),
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
    /// The store notifies nobody of sessions that end.
    NotificationsOff,
    /// The operating system's random source failed.
    Random,
    /// The operating system refused a thread.
    Thread,
    /// The database was installed by a newer version of this program.
    #[cfg(feature = "install")]
    Newer,
    /// What an install found in the database is not to be trusted or not to be built on.
    #[cfg(feature = "install")]
    Install,
}

impl Error {
    /// Whether the call was made inside an async runtime, where this synchronous library must not block.
    ///
    /// Nothing was sent. The way out is `tokio::task::spawn_blocking`; see the [crate documentation](crate#async-runtimes).
    #[must_use]
    pub fn is_async_context(&self) -> bool {
        self.0.kind == Kind::AsyncContext
    }

    /// Whether the store is not installed in this database, or under another schema name.
    ///
    /// SQLSTATE 3F000 (no such schema), 42883 (no such function) or 42P01 (no such table). The mend is
    /// `session-admin install`, or the right [schema name](crate::StoreBuilder::schema).
    #[must_use]
    pub fn is_not_installed(&self) -> bool {
        self.0.kind != Kind::Application
            && self.has_code(&[
                SqlState::INVALID_SCHEMA_NAME,
                SqlState::UNDEFINED_FUNCTION,
                SqlState::UNDEFINED_TABLE,
            ])
    }

    /// Whether the database cannot be reached or cannot serve now, so that the same call may succeed later.
    ///
    /// No connection could be made, a [password file](crate::StoreBuilder::password_file) that is named cannot be read at the
    /// moment, a connection broke, the pool stayed busy for its whole
    /// [timeout](crate::StoreBuilder::pool_timeout), or SQLSTATE says so: class 08 (connection), class 53 (resources, too
    /// many connections), 57P01 to 57P05 (shutdown, crash, starting up), 57014 (cancelled, as by `statement_timeout`), 25006
    /// (the server is read-only: a standby). An outage is no log-out; answer 503 and leave the cookie alone.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self.0.kind {
            Kind::Broken | Kind::PoolTimeout(_) => true,
            Kind::Connect => self.0.code.as_ref().is_none_or(is_unavailable_code),
            _ => self.0.code.as_ref().is_some_and(is_unavailable_code),
        }
    }

    /// Whether it is unknown if the change was made.
    ///
    /// The connection broke after the call was sent and before its answer came, and repeating it could not settle the
    /// matter. Load the session to see what is stored. An error that answers `false` here changed nothing, or, for a
    /// [`load`](crate::Store::load), nothing but the time of expiry.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        self.0.outcome_unknown
    }

    /// Whether the data is larger than the store accepts: SQLSTATE 54000.
    ///
    /// The limit is `max_data_bytes` of the store's settings, in bytes of the JSON text, 1 MiB by default. What is stored is
    /// untouched.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.0.kind != Kind::Application && self.has_code(&[SqlState::PROGRAM_LIMIT_EXCEEDED])
    }

    /// Whether an argument or a setting was refused, by this library before anything was sent, or by the server.
    ///
    /// A timeout that is not whole seconds, a schema name that is none, a NUL in a text, a malformed database URL; SQLSTATE
    /// 22023 and 22004, and class 22 otherwise (22021 and 22P05: a character that the database's encoding cannot hold). It is
    /// the application's mistake or the deployment's, not the visitor's: see [`is_malformed_id`](Error::is_malformed_id).
    #[must_use]
    pub fn is_invalid_argument(&self) -> bool {
        matches!(self.0.kind, Kind::Argument(_) | Kind::Settings)
            || self
                .0
                .code
                .as_ref()
                .is_some_and(|code| code.code().starts_with("22"))
    }

    /// Whether a text was no [session id](crate::SessionId): a [`ParseSessionIdError`] that `?` has
    /// made an `Error`.
    ///
    /// Such a text comes from a visitor. It deserves a new session or a 400, and no entry in the log of errors.
    #[must_use]
    pub fn is_malformed_id(&self) -> bool {
        self.0.kind == Kind::SessionId
    }

    /// Whether the role may not do this: SQLSTATE 42501, or class 28 (it could not log in), or the server asks for a password and
    /// there is none.
    ///
    /// The runtime role may execute the store's functions and nothing else. `session-admin check` shows what is amiss with its
    /// privileges; `session-admin rotate-password` sets its password.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        self.0.kind == Kind::NoPassword
            || self.has_code(&[SqlState::INSUFFICIENT_PRIVILEGE])
            || self
                .0
                .code
                .as_ref()
                .is_some_and(|code| code.code().starts_with("28"))
    }

    /// Whether the session's data could not be turned into JSON, or the stored JSON does not fit the type.
    ///
    /// The stored session is left alone: after a deployment that changed the type, load it as a `serde_json::Value`, or
    /// begin a new session, as the application prefers.
    #[must_use]
    pub fn is_invalid_data(&self) -> bool {
        matches!(self.0.kind, Kind::Encode(_) | Kind::Decode(_))
    }

    /// Whether [`update`](crate::Store::update) gave up: other clients changed the session before each of its saves, and then
    /// kept it locked.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self.0.kind, Kind::Conflict(_))
    }

    /// Whether the user has as many sessions as he may, and the store is set to refuse another: its setting
    /// `reject_over_limit`.
    ///
    /// Nothing was created or changed. The server told it as an answer and raised no error, so a transaction of the
    /// application's goes on. It is an error here because there is no session to go on with. What to do: tell the visitor, and show
    /// him his [sessions](crate::Store::user_sessions), one of which he may end.
    #[must_use]
    pub fn is_session_limit(&self) -> bool {
        self.0.kind == Kind::SessionLimit
    }

    /// Whether the session is locked by somebody else, for longer than one was ready to wait: SQLSTATE 55P03.
    ///
    /// Also where the call would wait for ever, because it needs a session that the
    /// [`with_locked`](crate::Store::with_locked) around it, on the same thread, has locked. Nothing was changed.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.0.kind == Kind::LockedByThisThread
            || self.0.kind != Kind::Application && self.has_code(&[SqlState::LOCK_NOT_AVAILABLE])
    }

    /// Whether there is nothing to [listen](crate::Store::listen) to, because the store notifies nobody of sessions that
    /// end.
    ///
    /// The mend is `session-admin configure notify_channel=NAME`.
    #[must_use]
    pub fn is_notifications_off(&self) -> bool {
        self.0.kind == Kind::NotificationsOff
    }

    /// Whether the store in this database was installed by a newer version of connect-pg, which this one must not replace.
    ///
    /// Only functions of the module `install` answer so. The mend is to use the newer program.
    #[cfg(feature = "install")]
    #[must_use]
    pub fn is_newer_database(&self) -> bool {
        self.0.kind == Kind::Newer
    }

    /// The SQLSTATE, where the server gave one.
    #[must_use]
    pub fn code(&self) -> Option<&SqlState> {
        self.0.code.as_ref()
    }

    /// The error of the driver or the operating system beneath this one, such as an [`std::io::Error`] that tells a socket that is
    /// missing from one that this user may not open. Like [`std::io::Error::get_ref`]: its text is part of this error's `Display`
    /// already.
    #[must_use]
    pub fn get_ref(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }

    fn has_code(&self, codes: &[SqlState]) -> bool {
        self.0
            .code
            .as_ref()
            .is_some_and(|code| codes.contains(code))
    }

    fn new(kind: Kind) -> Error {
        Error(Box::new(Inner {
            kind,
            outcome_unknown: false,
            code: None,
            source: None,
            target: None,
        }))
    }

    fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn async_context() -> Error {
        Error::new(Kind::AsyncContext)
    }

    /// An error of a call that was sent on an open connection.
    pub(crate) fn call(error: postgres::Error) -> Error {
        let broken = breaks_connection(&error);
        Error::postgres(if broken { Kind::Broken } else { Kind::Server }, error)
    }

    /// An error of connecting, with a password or without.
    pub(crate) fn connect(error: postgres::Error, has_password: bool) -> Error {
        // The driver does not tell its kinds apart. It is an outage if the socket failed or the time was up (no source), and the
        // server's word if it said something; the rest, as a missing password or user, no waiting mends. A user there always is.
        let outage = error
            .source()
            .is_none_or(<dyn StdError>::is::<std::io::Error>);
        if outage || error.as_db_error().is_some() {
            Error::postgres(Kind::Connect, error)
        } else if has_password {
            Error::new(Kind::Settings).with_source(error)
        } else {
            Error::new(Kind::NoPassword).with_source(error)
        }
    }

    fn postgres(kind: Kind, error: postgres::Error) -> Error {
        match error.as_db_error() {
            Some(server) => {
                let code = server.code().clone();
                let message = ServerMessage::new(server);
                let mut error = Error::new(kind).with_source(message);
                error.0.code = Some(code);
                error
            }
            None => Error::new(kind).with_source(error),
        }
    }

    pub(crate) fn pool_timeout(timeout: Duration) -> Error {
        Error::new(Kind::PoolTimeout(timeout))
    }

    pub(crate) fn answer(what: &'static str) -> Error {
        Error::new(Kind::Answer(what))
    }

    pub(crate) fn column(error: postgres::Error) -> Error {
        Error::answer("a column is missing or has another type").with_source(error)
    }

    pub(crate) fn argument(what: &'static str) -> Error {
        Error::new(Kind::Argument(what))
    }

    /// The connection settings are refused. The text names the setting and the mend, and never a password.
    pub(crate) fn connection_settings(text: String) -> Error {
        Error::new(Kind::Settings).with_source(text)
    }

    /// A password file cannot be read, or holds none: somebody may be about to put it there. The text names the file.
    pub(crate) fn password_file(text: String) -> Error {
        Error::new(Kind::Connect).with_source(text)
    }

    /// Says where the connection was to lead to.
    pub(crate) fn at(mut self, target: ConnectionTarget) -> Error {
        self.0.target = Some(target);
        self
    }

    /// No server could be reached.
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

    /// `update` gave up: `locked` is what it met in the end.
    pub(crate) fn conflict(tries: u32, locked: Error) -> Error {
        let mut error = Error::new(Kind::Conflict(tries));
        error.0.code = locked.0.code;
        error.0.source = locked.0.source;
        error
    }

    pub(crate) fn session_limit() -> Error {
        Error::new(Kind::SessionLimit)
    }

    pub(crate) fn locked_by_this_thread() -> Error {
        Error::new(Kind::LockedByThisThread)
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

    /// A save was repeated, and by then another client had changed the session.
    pub(crate) fn save_outcome_unknown() -> Error {
        Error::new(Kind::Broken).with_outcome_unknown()
    }

    /// The database is newer than the program.
    #[cfg(feature = "install")]
    pub(crate) fn newer_database(what: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::new(Kind::Newer).with_source(what)
    }

    /// An install refuses what it found.
    #[cfg(feature = "install")]
    pub(crate) fn install(what: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::new(Kind::Install).with_source(what)
    }

    /// The server is a standby, seen by asking.
    #[cfg(feature = "install")]
    pub(crate) fn standby() -> Error {
        let mut error = Error::new(Kind::Broken);
        error.0.code = Some(SqlState::READ_ONLY_SQL_TRANSACTION);
        error
    }

    /// There is no store under these names, seen by looking instead of by a failed call.
    #[cfg(feature = "install")]
    pub(crate) fn not_installed() -> Error {
        let mut error = Error::new(Kind::Server);
        error.0.code = Some(SqlState::INVALID_SCHEMA_NAME);
        error
    }

    pub(crate) fn with_outcome_unknown(mut self) -> Error {
        self.0.outcome_unknown = true;
        self
    }

    /// The transaction was not committed, so nothing was done after all.
    pub(crate) fn with_nothing_done(mut self) -> Error {
        self.0.outcome_unknown = false;
        self
    }

    /// Whether the connection that gave this error is of no more use: broken, closed, or to a server that cannot write.
    pub(crate) fn is_connection_lost(&self) -> bool {
        self.0.kind == Kind::Broken
    }

    /// Whether the server said that nothing was done because it is read-only.
    pub(crate) fn is_read_only(&self) -> bool {
        self.has_code(&[SqlState::READ_ONLY_SQL_TRANSACTION])
    }

    /// Whether the server has lost the prepared statement, or a re-install has changed what it returns.
    pub(crate) fn is_stale_statement(&self) -> bool {
        self.has_code(&[
            SqlState::FEATURE_NOT_SUPPORTED,
            SqlState::INVALID_SQL_STATEMENT_NAME,
        ])
    }

    /// Whether the database's encoding cannot hold a character.
    pub(crate) fn is_untranslatable(&self) -> bool {
        self.has_code(&[SqlState::UNTRANSLATABLE_CHARACTER])
    }
}

/// Whether the server is going away or cannot write (a demoted primary answers 25006 for ever): so connect anew.
fn is_connection_fatal(code: &SqlState) -> bool {
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

fn is_unavailable_code(code: &SqlState) -> bool {
    is_connection_fatal(code) || code.code().starts_with("53") || *code == SqlState::QUERY_CANCELED
}

/// Whether a connection is of no more use after this error. Without an SQLSTATE the socket failed, the connection is closed, or
/// the bytes made no sense; the parameters cannot be at fault, since each is written by our own `ToSql`.
fn breaks_connection(error: &postgres::Error) -> bool {
    error.code().is_none_or(is_connection_fatal)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind {
            Kind::AsyncContext => f.write_str(
                "called inside an async runtime, whose threads must not block: call it through tokio::task::spawn_blocking",
            )?,
            Kind::Connect => match &self.0.target {
                Some(ConnectionTarget { user, database, server, .. }) => write!(
                    f,
                    "cannot connect to database {database:?} as user {user:?} at {server}"
                )?,
                None => f.write_str("cannot connect to the database")?,
            },
            Kind::NoPassword => {
                match &self.0.target {
                    Some(ConnectionTarget { user, server, .. }) => write!(f, "no password for user {user:?} at {server}")?,
                    None => f.write_str("no password")?,
                }
                f.write_str(": give StoreBuilder::password_file, PGPASSWORD or ~/.pgpass (mode 0600)")?;
            }
            Kind::Broken if self.is_read_only() => f.write_str("the server is read-only (a standby)")?,
            Kind::Broken => f.write_str("the connection to the database broke")?,
            Kind::PoolTimeout(timeout) => write!(
                f,
                "every connection of the pool stayed in use for {timeout:?}: a larger pool_size, or shorter transactions"
            )?,
            Kind::Server if self.is_not_installed() => f.write_str(NOT_INSTALLED)?,
            Kind::Server if self.is_permission_denied() => f.write_str(
                "the role may not call the session store: `session-admin check` names what is amiss",
            )?,
            Kind::Server if self.is_too_large() => {
                f.write_str("the session's data is larger than the store accepts (max_data_bytes of its settings)")?;
            }
            Kind::Server if self.is_untranslatable() => f.write_str(
                "the database's encoding cannot hold a character of the text: create the database with encoding UTF8",
            )?,
            Kind::Server if self.is_locked() => f.write_str("another client keeps the session locked")?,
            Kind::Server | Kind::Application => f.write_str("the database refused")?,
            Kind::Answer(what) => write!(
                f,
                "the session store answered otherwise than its functions promise ({what}): `session-admin install` brings it up to date"
            )?,
            Kind::SessionId => ParseSessionIdError::new().fmt(f)?,
            Kind::Argument(what) => write!(f, "invalid argument: {what}")?,
            Kind::Settings => match &self.0.target {
                Some(ConnectionTarget { user, database, server, .. }) => write!(
                    f,
                    "cannot log in to database {database:?} as user {user:?} at {server}"
                )?,
                None => f.write_str("invalid connection settings")?,
            },
            Kind::Encode(type_name) => write!(f, "the session's data ({type_name}) cannot be kept as JSON")?,
            Kind::Decode(type_name) => write!(f, "the stored session does not fit the type {type_name}")?,
            Kind::Conflict(tries) => write!(
                f,
                "other clients changed the session before each of {tries} saves, and then kept it locked"
            )?,
            Kind::SessionLimit => f.write_str(
                "the user has as many sessions as the store allows (max_sessions_per_user and reject_over_limit of its settings)",
            )?,
            Kind::LockedByThisThread => f.write_str(
                "this thread has locked the session, and would wait for itself: change the session that the closure is given",
            )?,
            Kind::NotificationsOff => f.write_str(
                "the store notifies nobody of sessions that end: `session-admin configure notify_channel=NAME` sets the channel",
            )?,
            Kind::Random => f.write_str("the operating system's random source failed")?,
            Kind::Thread => f.write_str("the operating system refused a thread")?,
            #[cfg(feature = "install")]
            Kind::Newer => f.write_str(
                "this database was installed by a newer version of connect-pg, which an older one must not replace: use the newer one",
            )?,
            #[cfg(feature = "install")]
            Kind::Install => f.write_str("the store cannot be installed here")?,
        }
        let mut source: Option<&dyn StdError> = self.get_ref().map(|source| source as _);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        for warning in self.0.target.iter().flat_map(|target| &target.warnings) {
            write!(f, "; {warning}")?;
        }
        if self.0.outcome_unknown {
            f.write_str("; whether the change was made is unknown")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("message", &format_args!("{self}"))
            .field("kind", &self.0.kind)
            .field("code", &self.0.code)
            .field("outcome_unknown", &self.0.outcome_unknown)
            .field("source", &self.0.source)
            .finish()
    }
}

/// For the application's own calls on a connection that it lends to a store, so that `?` takes both.
///
/// [`code`](Error::code), [`is_unavailable`](Error::is_unavailable) and the like answer as for the store's calls; but that
/// one of the application's tables is missing does not mean that the store
/// [is not installed](Error::is_not_installed), nor its limits that [data is too large](Error::is_too_large).
impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Error {
        if breaks_connection(&error) {
            Error::call(error)
        } else {
            Error::postgres(Kind::Application, error)
        }
    }
}

/// A visitor's cookie that is [no session id](Error::is_malformed_id).
impl From<ParseSessionIdError> for Error {
    fn from(_: ParseSessionIdError) -> Error {
        Error::new(Kind::SessionId)
    }
}

/// Without a [`source`](StdError::source): `Display` has said it.
impl StdError for Error {}

/// What a server's error says, without the fields that may quote a value.
#[derive(Debug)]
struct ServerMessage {
    severity: String,
    code: SqlState,
    message: Option<String>,
    hint: Option<String>,
}

impl ServerMessage {
    fn new(error: &postgres::error::DbError) -> ServerMessage {
        // The messages of these two quote the bytes of the character that does not fit.
        let quotes_data = [
            SqlState::UNTRANSLATABLE_CHARACTER,
            SqlState::CHARACTER_NOT_IN_REPERTOIRE,
        ]
        .contains(error.code());
        ServerMessage {
            severity: error.severity().to_owned(),
            code: error.code().clone(),
            message: (!quotes_data).then(|| error.message().to_owned()),
            hint: error.hint().filter(|_| !quotes_data).map(ToOwned::to_owned),
        }
    }
}

impl fmt::Display for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.severity)?;
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        write!(f, " (SQLSTATE {})", self.code.code())?;
        if let Some(hint) = &self.hint {
            write!(f, " HINT: {hint}")?;
        }
        Ok(())
    }
}

impl StdError for ServerMessage {}

/// Where `serde_json` stopped. Its own text quotes the data.
#[derive(Debug)]
struct JsonPosition {
    category: serde_json::error::Category,
    line: usize,
    column: usize,
}

impl JsonPosition {
    fn new(error: &serde_json::Error) -> JsonPosition {
        JsonPosition {
            category: error.classify(),
            line: error.line(),
            column: error.column(),
        }
    }
}

impl fmt::Display for JsonPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use serde_json::error::Category;
        f.write_str(match self.category {
            Category::Data | Category::Io if self.line == 0 => "its Serialize or Deserialize refused",
            Category::Data => "a value of another shape",
            Category::Syntax => "no JSON that serde_json reads (a lone surrogate, a number out of range, nested too deeply)",
            Category::Eof => "it ends too early",
            Category::Io => "it could not be written",
        })?;
        if self.line > 0 {
            write!(f, " at line {} column {}", self.line, self.column)?;
        }
        Ok(())
    }
}

impl StdError for JsonPosition {}

#[derive(Debug)]
struct TooDeep;

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is nested more than 127 deep, which serde_json would not read back")
    }
}

impl StdError for TooDeep {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn giving_up_says_what_it_met_in_the_end() {
        let mut locked = Error::new(Kind::Server).with_source("canceling statement");
        locked.0.code = Some(SqlState::LOCK_NOT_AVAILABLE);
        let error = Error::conflict(8, locked);
        assert!(error.is_conflict() && error.is_locked() && !error.is_unavailable());
        assert_eq!(error.code(), Some(&SqlState::LOCK_NOT_AVAILABLE));
        assert_eq!(
            error.to_string(),
            "other clients changed the session before each of 8 saves, and then kept it locked: canceling statement"
        );
    }

    #[test]
    fn what_an_application_meets_is_not_ours() {
        let mut error = Error::new(Kind::Application);
        error.0.code = Some(SqlState::LOCK_NOT_AVAILABLE);
        assert!(!error.is_locked());
    }
}
