//! Web sessions kept in PostgreSQL, behind stored functions that a least-privilege role may call and nothing else.
//!
//! The browser holds a [`SessionId`]: 256 random bits. The database stores its SHA-256, the [`SessionKey`], and sees no id. The
//! application logs in as the runtime role, `nodepg` by default, which may execute the functions of the schema `web` and touch
//! no table: what this library sends is `select … from "web".function($1, …)`, nothing else. The functions are installed, and
//! brought up to date, by `session-admin install` or by `select correct_web()`.
//!
//! What the store promises:
//!
//! - A session that was ended stays ended. A slow request that saves after the log-out gets [`SaveOutcome::Gone`].
//! - A change is never lost without a word. A save on top of another client's gets [`SaveOutcome::Conflict`]; [`Store::update`]
//!   loads again and applies the change to what is there, and any number of clients that do so get their turn.
//! - A session expires after its idle timeout, and after its absolute timeout whatever its use, by the database's clock.
//! - A session that is not there is an answer, not an error; an outage is an error, not a log-out.
//!
//! # Example
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use connect_pg::{Error, Login, NewSession, PruneOptions, RotateOutcome, Session, SessionId, Store};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Default, Serialize, Deserialize)]
//! struct Visit {
//!     views: u64,
//! }
//!
//! /// Answers a request that came with this value of the session cookie: the views so far, and the cookie to set.
//! fn view(store: &Store, cookie: Option<&str>) -> Result<(u64, Option<String>), Error> {
//!     // A cookie that is no session id is one that we did not set.
//!     let id: Option<SessionId> = cookie.and_then(|text| text.parse().ok());
//!     if let Some(id) = id {
//!         if let Some(session) = store.update(&id, |visit: &mut Visit| visit.views += 1)? {
//!             return Ok((session.data.views, None));
//!         }
//!     }
//!     // No cookie, or its session is over: a new session with a new id, never the visitor's own.
//!     let session = store.create(Visit { views: 1 }, &NewSession::new().idle_timeout(Duration::from_secs(3600)))?;
//!     let cookie = format!(
//!         "__Host-session={}; Path=/; Secure; HttpOnly; SameSite=Lax",
//!         session.id().as_cookie_value()
//!     );
//!     Ok((session.data.views, Some(cookie)))
//! }
//!
//! /// Logs a visitor in: his session gets a new id and becomes the user's. Returns the session whose id is the new cookie.
//! fn login(store: &Store, cookie: Option<&SessionId>, user_id: &str) -> Result<Session<Visit>, Error> {
//!     if let Some(id) = cookie {
//!         if let Some(mut session) = store.load(id)? {
//!             if store.login(&mut session, &Login::new(user_id))? == RotateOutcome::Rotated {
//!                 return Ok(session);
//!             }
//!         }
//!     }
//!     store.create(Visit::default(), &NewSession::new().user_id(user_id))
//! }
//!
//! fn main() -> Result<(), Error> {
//!     // The password: from PGPASSWORD, from ~/.pgpass, or with StoreBuilder::password_file from a file of your own.
//!     let store = Store::connect("postgresql://nodepg@localhost/app")?;
//!     let _pruner = store.start_pruning(PruneOptions::new())?;
//!
//!     let (views, cookie) = view(&store, None)?;
//!     println!("view {views}, a new visitor: {}", cookie.is_some());
//!     Ok(())
//! }
//! ```
//!
//! # One round trip
//!
//! Each call is one round trip to the server, check-out from the pool included, once the connection is open and the statement
//! prepared on it; [`Store::update`] is two calls, and [`Store::with_locked`] four. No connection is pinged before it is used. Instead, one that turns out to be
//! dead is replaced and the call repeated once; every function is made so that this is safe. Behind a pooler that gives each
//! transaction another connection, choose [`StoreBuilder::prepare_statements(false)`](StoreBuilder::prepare_statements).
//!
//! Using a session moves its expiry, and that is throttled in the database: nearly every [`Store::load`] of a busy session
//! only reads.
//!
//! # Users and devices
//!
//! A session may be a [user's](NewSession::user_id). [`Store::user_sessions`] lists a user's sessions,
//! [`Store::end_user_session`] logs out one device, [`Store::end_user_sessions`] all of them or all others. How many a user may have
//! is a setting of the store, and [of a log-in](Login::max_sessions): over that, the least recently used one ends, or the log-in
//! [is refused](Error::is_session_limit), whatever else logs in at the same moment.
//!
//! The id changes with each change of privilege ([OWASP][owasp]), in one round trip, and the data stays: [`Store::login`],
//! [`Store::logout`], and [`Store::rotate`] for the rest. After a log-in or log-out the old id is dead at once; after a rotation it
//! may still read for a minute at most.
//!
//! What outlives a request, as a web socket does, is told by [`Store::listen`] when its session ends.
//!
//! [owasp]: https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html#renew-the-session-id-after-any-privilege-level-change
//!
//! # Lifetimes
//!
//! A session ends after its idle timeout without use, and after its absolute timeout in any case. The store has defaults for both;
//! [`NewSession`] and [`Login`] set others. A visitor may be anonymous for minutes and be remembered for months after a log-in: "remember
//! me" and a session that is over with the browser are the two [examples of `Login`](Login#examples).
//!
//! [`Store::info`] tells why a session is not there, for messages and metrics. The visitor must not be told.
//!
//! # Two requests at once
//!
//! Browsers send several requests with one cookie. [`Store::save`] notices; [`Store::update`] is for changes that can be
//! applied again to whatever is there; [`Store::with_locked`] is for the few that must happen one after the other. No request as a
//! whole waits for another: that is asked for, and paid for, where it is needed.
//!
//! # Data
//!
//! A session's data is any type that is `Serialize` and `DeserializeOwned`. It is stored as JSON text, byte for byte as
//! `serde_json` writes it, so everything that survives `serde_json` survives the store: `\u0000`, every character, every `u64`,
//! `i128` and finite `f64`. (A `serde_json::Value` keeps integers from `i64::MIN` to `u64::MAX`; for more, use `i128`, its feature
//! `arbitrary_precision`, or a `serde_json::value::RawValue`.) Refused are what `serde_json` refuses (a map whose keys are no
//! strings; when reading into text, a lone surrogate such as `"\ud800"`), nesting of more than 127 levels, and more than the
//! store's `max_data_bytes`, 1 MiB by default.
//!
//! # Transactions
//!
//! [`Store::on`] works on a [`postgres::Client`] or [`postgres::Transaction`] of the application's own, so that a session can
//! change together with the application's tables, or not at all:
//!
//! ```no_run
//! # use connect_pg::{Error, NewSession, SessionId, Store};
//! # fn sign_up(client: &mut postgres::Client, name: &str) -> Result<SessionId, Error> {
//! let mut transaction = client.transaction()?;
//! let id: i64 = transaction
//!     .query_one("insert into account (name) values ($1) returning id", &[&name])?
//!     .get(0);
//! let new = NewSession::new().user_id(id.to_string());
//! let session = Store::on(&mut transaction).create((), &new)?;
//! transaction.commit()?;
//! # Ok(session.id().clone())
//! # }
//! ```
//!
//! # Async runtimes
//!
//! This library is synchronous. The `postgres` crate, called in an async task, panics; this library returns an error instead
//! ([`Error::is_async_context`]) and has done nothing. The way out is a thread that may block:
//!
//! ```no_run
//! # use connect_pg::{Error, SessionId, Store};
//! # async fn load(store: Store, id: SessionId) -> Result<Option<u64>, Box<dyn std::error::Error>> {
//! let session = tokio::task::spawn_blocking(move || store.load::<u64>(&id)).await??;
//! # Ok(session.map(|session| session.data))
//! # }
//! ```
//!
//! One case is beyond that: a program compiled with `panic = "abort"` ends when it calls from a task under
//! `tokio::task::unconstrained`, because the only way to tell such a task from a thread that may block is a panic, which is caught.
//!
//! A [`Store`] is cheap to clone for that. Dropping anything of this library is safe in a task: connections are closed on
//! a thread of their own.
//!
//! # Errors
//!
//! There is one [`Error`], which answers questions: [`is_unavailable`](Error::is_unavailable) (503, and keep the cookie),
//! [`is_not_installed`](Error::is_not_installed), [`is_invalid_data`](Error::is_invalid_data), … It decides on SQLSTATE, never on text, and
//! nothing that it shows holds a session id, a key or session data, so it can be logged. So can everything else: no `Debug` of this
//! library shows them, and neither does what the `postgres` crate logs of our calls.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | (none) | the client: everything but the module `install` |
//! | `install` | the module `install`: install, check and upgrade the store from a program of your own |
//! | `admin` | the program `session-admin`; for `cargo install connect-pg --features admin` |
//!
//! # Versions
//!
//! The client needs Rust 1.85 or newer. The features `install` and `admin` need 1.92, because refinery 0.10 does.
//!
//! The crates [`postgres`] and [`uuid`] are part of this one's interface ([`Store::on`], [`StoreBuilder::config`], [`Error::code`],
//! [`Session::handle`]), and so they are exported: `connect_pg::postgres::Client` always fits. `postgres` 0.20 or `uuid` 2 will be
//! a breaking change of this crate.

mod connection;
mod error;
mod events;
mod functions;
#[cfg(feature = "install")]
pub mod install;
mod pruning;
mod runtime;
mod session;
mod settings;
mod store;

// What our own signatures are made of: an application needs the very same version.
#[doc(no_inline)]
pub use {postgres, tokio_postgres, uuid};

pub use connection::{Backend, Borrowed, Pool, PoolStatus};
pub use error::{Error, ErrorKind, ParseSessionIdError};
pub use events::{ListenerThread, SessionEnded, SessionEvent, SessionListener};
#[cfg(feature = "admin")]
#[doc(hidden)]
pub use functions::StoreStatus;
pub use pruning::{PruneBatch, PruneOptions, PruneRun, Pruner};
pub use session::{
    EndReason, Session, SessionAttributes, SessionId, SessionInfo, SessionKey, SessionState,
    UserSession,
};
pub use settings::ConnectionSettings;
pub use store::{RotateOutcome, SaveOutcome, Store, StoreBuilder, UpdateOutcome};

/// Returns a name as a quoted SQL identifier, for session-admin.
#[cfg(feature = "admin")]
#[doc(hidden)]
#[must_use]
pub fn quote_identifier(name: &str) -> String {
    functions::quote(name)
}

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
