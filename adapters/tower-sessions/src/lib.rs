//! A session store for [tower-sessions] and [axum-login]: sessions in PostgreSQL, behind the stored functions of [`connect_pg`].
//!
//! ```no_run
//! use axum::http::StatusCode;
//! use axum::{Router, routing::get};
//! use connect_pg::tokio::Store;
//! use connect_pg_tower_sessions::ConnectPgStore;
//! use tower_sessions::{Session, SessionManagerLayer, session};
//!
//! async fn count(session: Session) -> Result<String, StatusCode> {
//!     let failed = |_: session::Error| StatusCode::INTERNAL_SERVER_ERROR;
//!     let views = session.get::<u64>("views").await.map_err(failed)?.unwrap_or(0) + 1;
//!     session.insert("views", views).await.map_err(failed)?;
//!     Ok(format!("{views} views"))
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = ConnectPgStore::new(Store::connect("postgresql://nodepg@localhost/shop").await?);
//! let sessions = store.layer(SessionManagerLayer::new(store.clone()));
//! let app: Router = Router::new().route("/", get(count)).layer(sessions);
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! # What differs from other stores
//!
//! - The database stores a digest of the id. A dump contains no session id.
//! - A deleted session stays deleted. A request that began before the logout and saves after it changes nothing. It gets no error
//!   page; an event of `tracing` says so.
//! - Saves only update. The same data again writes nothing, and a later expiry is written once in a while only.
//! - `cycle_id` keeps the session: its handle, its user and its device stay.
//! - Each session knows its user: see [`ConnectPgStore::with_user_id`] and [`ConnectPgStore::with_axum_login`]. So "my devices" and
//!   "log out everywhere" are calls of [`connect_pg::tokio::Store`].
//! - A server that is down is status 503, or [an empty session](OnOutage::Empty) by your choice. The cookie stays in both cases.
//!
//! # The layer
//!
//! tower-sessions calls a store without the request: a new id is a `delete` and a `create`. [`ConnectPgStore::layer`] wraps the
//! layer of tower-sessions, and lets the store see that both belong to one request. A deletion then takes place when the handler
//! has returned, before the response is sent. Without this layer each call stands by itself: `cycle_id` makes a new session,
//! and a session gets its user only when it is created.
//!
//! # Expiry
//!
//! The store takes over the expiry of tower-sessions as time that is left, so the clocks of computers need not agree. A read
//! does not extend it, as tower-sessions documents. Two limits of connect-pg hold besides:
//!
//! - the absolute timeout of the store (`absolute_timeout_seconds`, 30 days), counted from the creation of the session: it cuts
//!   the expiry;
//! - `max_timeout_seconds` (400 days): a later expiry is an error.
//!
//! # Concurrent requests
//!
//! tower-sessions loads, changes and saves all the data of a session. Of two requests at once, the later save wins, with
//! any store. Where that matters, call [`update`](connect_pg::tokio::Store::update) of the [store](ConnectPgStore::store) with the
//! [id](session_id) of the session.
//!
//! # Move from tower-sessions-sqlx-store
//!
//! `session-admin import --from tower-sessions-sqlx-store` copies the sessions with their ids, so no user is logged out. With
//! `--user-pointer /axum-login.data/user_id` each belongs to its user. Then exchange the store:
//!
//! ```text
//! -let store = PostgresStore::new(pool);
//! -let sessions = SessionManagerLayer::new(store);
//! +let store = ConnectPgStore::new(Store::connect("postgresql://nodepg@localhost/shop").await?);
//! +let sessions = store.layer(SessionManagerLayer::new(store.clone()));
//! ```
//!
//! A session that was imported without its user gets it at the next `cycle_id`.
//!
//! # Features
//!
//! `tower-sessions-0-14` implements the store for tower-sessions 0.14 as well, on which axum-login 0.18 is built.
//!
//! [tower-sessions]: https://docs.rs/tower-sessions
//! [axum-login]: https://docs.rs/axum-login

mod expiry;
mod layer;
mod on_outage;
mod request_state;
mod session_store;
mod store;
mod user;

pub use layer::{ConnectPgLayer, ConnectPgService};
pub use on_outage::OnOutage;
pub use store::{ConnectPgStore, session_id};
