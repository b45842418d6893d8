//! A session store for [actix-session]: sessions in PostgreSQL, behind the stored functions of [`connect_pg`].
//!
//! ```no_run
//! use actix_session::{Session, SessionMiddleware};
//! use actix_web::cookie::Key;
//! use actix_web::{App, web};
//! use connect_pg::tokio::Store;
//! use connect_pg_actix_session::ConnectPgSessionStore;
//!
//! async fn count(session: Session) -> actix_web::Result<String> {
//!     let views = session.get::<u64>("views")?.unwrap_or(0) + 1;
//!     session.insert("views", views)?;
//!     Ok(format!("{views} views"))
//! }
//!
//! # async fn example(key: Key) -> Result<(), connect_pg::Error> {
//! let store = Store::connect("postgresql://nodepg@localhost/shop").await?;
//! let store = ConnectPgSessionStore::new(store);
//! let app = App::new()
//!     .wrap(SessionMiddleware::new(store.clone(), key))
//!     .route("/", web::get().to(count));
//! # drop(app);
//! # Ok(())
//! # }
//! ```
//!
//! # What differs from the store for Redis
//!
//! - The database stores a digest of the key. A dump contains no session key.
//! - A session that was ended stays ended. An update that comes after the logout creates it neither under its key nor under a
//!   new one; the store for Redis does the latter. An event of `tracing` says so.
//! - The same state again writes nothing. A later expiry is written once in a while only.
//! - A session knows its user: see [`ConnectPgSessionStore::with_user_id`]. So "my devices" and "log out everywhere" are calls of
//!   [`connect_pg::tokio::Store`].
//!
//! # A new key at login
//!
//! `Session::renew` ends the session and creates another one with its state. That is all that actix-session tells a store, so the new
//! session has a new handle. Call it at each login ([session fixation]): the user is stored when a session is created.
//!
//! A request that began before "log out everywhere" and renews after it gets no session of that user. Its response has a key that no
//! session has, and an event of `tracing` says so. Two cases stay open, because a renewal is two calls that name no session before it:
//! all sessions end between the two, or another tab logs out before them. End the sessions once more where that matters.
//!
//! # Expiry
//!
//! The time to live of actix-session becomes the idle timeout of the session. A read does not extend it; by default a change does,
//! or every request with `TtlExtensionPolicy::OnEveryRequest`. The absolute timeout of the store holds besides
//! (`absolute_timeout_seconds`, 30 days).
//!
//! [actix-session]: https://docs.rs/actix-session
//! [session fixation]: https://owasp.org/www-community/attacks/Session_fixation

mod revocation;
mod session_store;
mod store;

pub use store::ConnectPgSessionStore;
