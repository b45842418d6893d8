//! The asynchronous store, for tasks of tokio. With the feature `tokio`.
//!
//! [`Store`] has the calls of the synchronous [`Store`](crate::Store), each `async`, with the same settings, sessions, outcomes
//! and errors. No thread is used for a call.
//!
//! ```no_run
//! use connect_pg::tokio::Store;
//! use connect_pg::{Error, PruneOptions, SessionAttributes, UpdateOutcome};
//!
//! # async fn example() -> Result<(), Error> {
//! let store = Store::connect("postgresql://nodepg@localhost/app").await?;
//! let _pruner = store.start_pruning(PruneOptions::new())?;
//!
//! let session = store.create(vec!["tea".to_owned()], &SessionAttributes::new()).await?;
//! let add = |basket: &mut Vec<String>| basket.push("milk".to_owned());
//! match store.update(session.id(), add).await? {
//!     UpdateOutcome::Updated(session) => println!("{:?}", session.data),
//!     UpdateOutcome::Gone => println!("the session has ended or expired"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Connections
//!
//! The store keeps [a few connections](Pool), each driven by a task. Loads of many tasks share a connection: they are sent one
//! behind the other without a wait for the replies. A call that changes something has a connection to itself, so that a save
//! that waits for a locked session delays no other call. The runtime needs tokio's I/O and time: `enable_all`, or
//! `#[tokio::main]`.
//!
//! Loads and saves that would wait for a connection [share the next call](crate::StoreBuilder::group_calls) of the database, which
//! a task makes for all of them. A call that finds a free connection goes at once and by itself.
//!
//! # Cancellation
//!
//! Any future may be dropped at any time, by `tokio::select!` or a timeout for example. It leaks nothing, blocks no other call,
//! and no other call gets its reply. A call that still waits for a connection or a group has then done nothing. A call that was sent is
//! executed all the same, as if its reply were lost. Its place in the pool is free when the server has replied:
//!
//! - a dropped `save`, `create`, `end`, `rotate`, `login` or `logout` may have made its change, or may make it still: load the
//!   session to see;
//! - a dropped `update` has made its change once or not at all;
//! - a dropped [`with_locked`](Store::with_locked) rolls back and unlocks the session, unless it was committing.
//!
//! # Runtimes
//!
//! A connection belongs to the runtime in which the first call opened it, and a call of another runtime may use it. When its
//! runtime shuts down, the connection closes, and the next call opens another. Dropping a store needs no runtime.
//!
//! A current-thread runtime drives its connections only inside `block_on`. Outside of it, calls of other runtimes on those
//! connections wait. Such programs need a store for each runtime.

mod backend;
mod borrowed;
mod exclusive;
mod grouping;
mod groups;
mod held_locks;
mod lease;
mod limits;
mod open_connection;
mod owned_task;
mod pool;
mod pool_inner;
mod shared;

// In the order in which rustdoc shows the methods: the blank lines keep rustfmt from sorting.
mod builder;

mod sessions;

mod update;

mod lock;

mod rotation;

mod foreign_ids;

mod users;

mod store;

mod listener;

mod pruner;

#[cfg(feature = "admin")]
mod administration;

pub use backend::Backend;
pub use borrowed::{Borrowed, Lent};
pub use listener::SessionListener;
pub use pool::Pool;
pub use pruner::Pruner;
pub use store::Store;
