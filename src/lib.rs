//! Web sessions in PostgreSQL, behind stored functions: a least-privilege role may execute them and nothing else.
//!
//! The browser holds a [`SessionId`]: 256 random bits. The database stores its SHA-256, the [`SessionKey`], and sees no id. The
//! application logs in as the runtime role, `nodepg` by default. This role may execute the functions of the schema `web` and has
//! no access to tables. All that this library sends is `select … from "web".function($1, …)`. `session-admin install` or
//! `select correct_web()` installs and upgrades the functions.
//!
//! Applications on tokio, with axum or actix-web for example, use `connect_pg::tokio::Store`: see [async runtimes](#async-runtimes).
//!
//! The store promises:
//!
//! - An ended session stays ended. A slow request that saves after the logout gets [`SaveOutcome::Gone`].
//! - No change is lost in silence. A save on top of another client's gets [`SaveOutcome::Conflict`]. [`Store::update`]
//!   loads again and applies the change to fresh data, for any number of clients at the same time.
//! - A session expires after its idle timeout, and after its absolute timeout whatever its use, by the database's clock.
//! - A missing session is an outcome, not an error. An outage is an error, not a logout.
//!
//! # Example
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use connect_pg::{Error, PruneOptions, Session, SessionAttributes, SessionId, Store, UpdateOutcome};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Default, Serialize, Deserialize)]
//! struct Visit {
//!     views: u64,
//! }
//!
//! /// Reads the session cookie. A value that is no session id is not from this application.
//! fn session_id(cookie: Option<&str>) -> Option<SessionId> {
//!     cookie.and_then(|text| text.parse().ok())
//! }
//!
//! /// Counts a view. Returns the views so far, and the session whose cookie to set, if it is new.
//! fn view(store: &Store, cookie: Option<&str>) -> Result<(u64, Option<Session<Visit>>), Error> {
//!     if let Some(id) = session_id(cookie) {
//!         let count = |visit: &mut Visit| visit.views += 1;
//!         if let UpdateOutcome::Updated(session) = store.update(&id, count)? {
//!             return Ok((session.data.views, None));
//!         }
//!     }
//!     // No cookie, or its session is gone: a new session with a new id, never the visitor's.
//!     let attributes = SessionAttributes::new().idle_timeout(Duration::from_secs(3600));
//!     let session = store.create(Visit { views: 1 }, &attributes)?;
//!     Ok((1, Some(session)))
//! }
//!
//! /// Logs a user in: the visitor's session gets a new id and becomes the user's.
//! fn login(store: &Store, cookie: Option<&str>, user_id: &str) -> Result<Session<Visit>, Error> {
//!     let id = session_id(cookie);
//!     store.login_or_create(id.as_ref(), user_id, &SessionAttributes::new(), Visit::default)
//! }
//!
//! fn set_cookie<T>(session: &Session<T>) -> String {
//!     format!(
//!         "__Host-session={}; Path=/; Secure; HttpOnly; SameSite=Lax",
//!         session.id().as_cookie_value()
//!     )
//! }
//!
//! fn main() -> Result<(), Error> {
//!     // The password comes from PGPASSWORD, ~/.pgpass, or a file: StoreBuilder::password_file.
//!     let store = Store::connect("postgresql://nodepg@localhost/app")?;
//!     let _pruner = store.start_pruning(PruneOptions::new())?;
//!
//!     let (views, new) = view(&store, None)?;
//!     println!("view {views}, new cookie: {:?}", new.map(|session| set_cookie(&session)));
//!     let session = login(&store, None, "ada")?;
//!     println!("logged in: {:?}", session.user_id());
//!     Ok(())
//! }
//! ```
//!
//! # One round trip
//!
//! Each call is one round trip to the server, check-out from the pool included, once the connection is open and the statement
//! prepared on it. [`Store::update`] is two calls, and [`Store::with_locked`] four. Loads
//! and saves that wait for a connection [share one call](StoreBuilder::group_calls). No connection is pinged before its use. A
//! broken one is replaced and the call repeated once, which is safe for every function. Behind a pooler that gives each
//! transaction another connection, set [`StoreBuilder::prepare_statements(false)`](StoreBuilder::prepare_statements).
//!
//! The use of a session moves its expiry, but the database limits how often it writes that: nearly every [`Store::load`] of a
//! busy session only reads.
//!
//! # Users and devices
//!
//! A session may belong to a [user](SessionAttributes::user_id). [`Store::user_sessions`] lists a user's sessions,
//! [`Store::end_user_session`] logs out one device, [`Store::end_user_sessions`] all of them or all others. A setting of the store
//! and an [attribute](SessionAttributes::max_sessions) limit how many a user may have. Over the limit, the least recently used
//! one ends, or the login [is refused](Error::is_session_limit). That holds for any number of logins at the same time.
//!
//! The id changes with each change of privilege ([OWASP][owasp]), in one round trip, and the data stays:
//! [`Store::login_or_create`], [`Store::login`], [`Store::logout`], and [`Store::rotate`] for the rest. After a login or logout
//! the old id is invalid at once. After a rotation it may still read for a minute at most.
//!
//! [`Store::listen`] reports ended sessions to what outlives a request, such as a web socket.
//!
//! [owasp]: https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html#renew-the-session-id-after-any-privilege-level-change
//!
//! # Lifetimes
//!
//! A session ends after its idle timeout without use, and after its absolute timeout in any case. The store has defaults for both;
//! [`SessionAttributes`] set others, and its [examples](SessionAttributes#examples) show "remember me" and a session that ends
//! with the browser. [`Session::max_age`] is the `Max-Age` of a cookie that expires with the session.
//!
//! [`Store::info`] says why a session is not live, for messages and metrics. Do not tell the visitor.
//!
//! # Concurrent requests
//!
//! Browsers send several requests with one cookie. [`Store::save`] notices concurrent changes. [`Store::update`] is for changes that
//! can be applied again to fresh data. [`Store::with_locked`] is for the few that must happen one after the other. No request
//! waits for another unless the application asks for it.
//!
//! # Data
//!
//! A session's data is any type that is `Serialize` and `DeserializeOwned`. It is stored as JSON text, byte for byte as
//! `serde_json` writes it. So the store keeps everything that `serde_json` keeps: `\u0000`, every character, every `u64`,
//! `i128` and finite `f64`. A `serde_json::Value` keeps integers from `i64::MIN` to `u64::MAX`; for more, use `i128`, its feature
//! `arbitrary_precision`, or a `serde_json::value::RawValue`.
//!
//! The store refuses what `serde_json` refuses: a map whose keys are not strings and, when reading into text, a lone surrogate
//! such as `"\ud800"`. It also refuses more than 127 nested levels, and more bytes than its setting `max_data_bytes`, 1 MiB by
//! default.
//!
//! # Transactions
//!
//! [`Store::on`] works on a [`postgres::Client`] or [`postgres::Transaction`] of the application's own, so that a session
//! changes together with the application's tables, or not at all:
//!
//! ```no_run
//! # use connect_pg::{Error, SessionAttributes, SessionId, Store};
//! # fn sign_up(client: &mut postgres::Client, name: &str) -> Result<SessionId, Error> {
//! let mut transaction = client.transaction()?;
//! let id: i64 = transaction
//!     .query_one("insert into account (name) values ($1) returning id", &[&name])?
//!     .get(0);
//! let attributes = SessionAttributes::new().user_id(id.to_string());
//! let session = Store::on(&mut transaction).create((), &attributes)?;
//! transaction.commit()?;
//! # Ok(session.id().clone())
//! # }
//! ```
//!
//! # Async runtimes
//!
//! Applications on tokio, axum and actix-web among them, use the asynchronous store of the module `tokio`, with the feature of the
//! same name. It has all of these calls, each `async`, with the same settings, sessions, outcomes and errors:
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # mod example {
//! use connect_pg::tokio::Store;
//! # use connect_pg::{Error, SessionId};
//!
//! # async fn load(store: Store, id: SessionId) -> Result<Option<u64>, Error> {
//! let session = store.load::<u64>(&id).await?;
//! # Ok(session.map(|session| session.data))
//! # }
//! # }
//! ```
//!
//! The [`Store`] of this page is synchronous. The `postgres` crate panics in an async task. This library returns an error instead
//! ([`Error::is_async_context`]) and has done nothing. Dropping anything of this library is safe in a task: connections are
//! closed on a thread of their own.
//!
//! There is one exception: a program compiled with `panic = "abort"` ends when it calls the synchronous store from a task under
//! `tokio::task::unconstrained`. Only a panic, which is caught, tells such a task from a thread that may block.
//!
//! # Errors
//!
//! There is one [`Error`], with a [kind](Error::kind) and questions: [`is_unavailable`](Error::is_unavailable) (503, and keep the
//! cookie), [`is_not_installed`](Error::is_not_installed), [`is_invalid_data`](Error::is_invalid_data), … They go by SQLSTATE,
//! never by text.
//!
//! An error shows no session id, key or session data, so it can be logged. The same holds for every `Debug` of this library, and
//! for what the `postgres` crate logs of its calls.
//!
//! # Spans and metrics
//!
//! With the feature `tracing`, each call of a function is a span `call` with the target `connect_pg` and the level debug. It begins
//! inside the span that the caller is in. Its fields are complete when it closes, so that a subscriber can derive metrics from them:
//!
//! | field | meaning |
//! |---|---|
//! | `function` | the function that was called, such as `save_session`; or `commit` |
//! | `outcome` | what it returned, such as `saved` or `gone`; `none` if it found nothing; `done` otherwise. `failed`: an error. `unknown`: an error that leaves the [outcome](Error::is_outcome_unknown) open. `cancelled`: the future was dropped |
//! | `duration` | the seconds from the request to the reply, the wait for a connection included |
//! | `attempts` | 1, or more if the call was repeated |
//! | `group_size` | how many calls [shared](StoreBuilder::group_calls) the call of the database; 1 if it was made by itself |
//! | `error_kind` | the [`ErrorKind`] of an error |
//! | `sqlstate` | the [SQLSTATE](Error::code) of an error, if it has one |
//!
//! A group has a span of its own: `load_sessions` or `save_sessions`. Warnings report a connection that is lost and replaced, a
//! listener that connects again, and a run of a pruner that failed. No span and no event shows an argument or session data.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | (none) | the synchronous client |
//! | `tls` | on by default: TLS by rustls. Without it, [a connector of your own](StoreBuilder::connector) makes TLS connections |
//! | `tokio` | the module `tokio`: the asynchronous client |
//! | `tracing` | a [span](#spans-and-metrics) for each call of both clients |
//! | `install` | the module `install`: install, check and upgrade the store from a program of your own |
//! | `admin` | the program `session-admin`; for `cargo install connect-pg --features admin` |
//!
//! # Versions
//!
//! The client needs Rust 1.85 or newer. The features `install` and `admin` need 1.92, because refinery 0.10 does.
//!
//! The crates [`postgres`], [`tokio_postgres`] and [`uuid`] are part of this one's interface ([`Store::on`],
//! [`StoreBuilder::config`], [`Session::handle`]), and so they are exported: `connect_pg::postgres::Client` always fits. A new
//! major version of one of them will be a breaking change of this crate.

// First, because rustdoc shows the methods of Store in the order of the modules.
mod store;

mod pruning;

mod connection;
mod error;
mod events;
mod functions;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "install")]
pub mod install;
mod runtime;
mod session;
mod settings;
#[cfg(feature = "tokio")]
pub mod tokio;
mod trace;

// Part of the signatures: an application needs the very same versions.
#[doc(no_inline)]
pub use {postgres, tokio_postgres, uuid};

pub use connection::{Backend, Borrowed, Lent, Pool, PoolStatus};
pub use error::{Error, ErrorKind, ParseSessionIdError, TlsFailure};
pub use events::{ListenerThread, SessionEnded, SessionEvent, SessionListener};
#[cfg(feature = "admin")]
#[doc(hidden)]
pub use functions::{FoundSession, ImportOutcome, SettingChange, StoreSetting, StoreStatus};
pub use pruning::{PruneBatch, PruneOptions, PruneRun, Pruner};
#[cfg(feature = "admin")]
#[doc(hidden)]
pub use session::SessionRecord;
pub use session::{
    EndReason, Lifetime, Session, SessionAttributes, SessionId, SessionInfo, SessionKey,
    SessionState, UserSession,
};
pub use settings::ConnectionSettings;
pub use store::{
    CreateOutcome, IdOutcome, RotateOutcome, SaveOutcome, Store, StoreBuilder, UpdateOutcome,
};

/// Quotes a name as an SQL identifier. For session-admin.
#[cfg(feature = "admin")]
#[doc(hidden)]
#[must_use]
pub fn quote_identifier(name: &str) -> String {
    functions::quote(name)
}

/// Compiles the examples of the README.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;
