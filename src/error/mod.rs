//! The error of every call.

mod constructors;
mod display;
mod in_use;
mod kind;
mod parse_session_id_error;
mod questions;
mod redacted;
mod tls_failure;

use std::error::Error as StdError;
use std::sync::Arc;

use tokio_postgres::error::SqlState;

pub(crate) use in_use::InUse;
pub use kind::ErrorKind;
pub use parse_session_id_error::ParseSessionIdError;
pub(crate) use tls_failure::TlsError;
pub use tls_failure::TlsFailure;

use kind::Kind;

/// What went wrong in a call to the session store.
///
/// The error is opaque: ask it for its [kind](Error::kind), or one of the questions below. Every answer is decided on the
/// SQLSTATE ([PostgreSQL, appendix A][codes]) or on where the failure arose, never on the text of a message.
///
/// What it shows is safe to log: no session id, no key and no session data is in its `Display`, in its `Debug` or in
/// what it [wraps](Error::get_ref). So an error of the server is kept as severity, SQLSTATE, message and hint, without `DETAIL` and
/// `CONTEXT`, which quote values. Of a `serde_json` error the position is kept, and the text is dropped.
///
/// `Display` says all there is to say, causes included, in one line: `{error}` is enough for a log. So [`source`] is always
/// `None`; otherwise reports that follow the chain of sources would say everything twice. [`get_ref`](Error::get_ref) returns the
/// error of the driver or the operating system. `Debug` begins with the same line, because
/// `fn main() -> Result<(), Error>` prints that.
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
///         503 // an outage is no logout: keep the visitor's cookie
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

struct Inner {
    kind: Kind,
    outcome_unknown: bool,
    code: Option<SqlState>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    /// Where a connection was to lead to.
    target: Option<ConnectionTarget>,
    /// What to do, if the error of the server does not say so.
    hint: Option<&'static str>,
}

/// Where a connection was to lead to, without the password.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionTarget {
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) server: String,
    /// What is odd about the settings, one sentence each.
    pub(crate) warnings: Vec<String>,
}

/// For the application's own calls on a connection that it lends to a store, so that `?` takes both.
///
/// [`code`](Error::code), [`is_unavailable`](Error::is_unavailable) and the like answer as for the store's calls. But a missing
/// table of the application is not [`is_not_installed`](Error::is_not_installed), and a limit of the application is not
/// [`is_too_large`](Error::is_too_large). A row that is missing or has another type is
/// [`ErrorKind::Other`].
impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Error {
        Error::application(error)
    }
}

/// For a visitor's cookie that is [no session id](Error::is_malformed_id).
impl From<ParseSessionIdError> for Error {
    fn from(_: ParseSessionIdError) -> Error {
        Error::new(Kind::SessionId)
    }
}

/// Without a [`source`](StdError::source), because `Display` says it.
impl StdError for Error {}
