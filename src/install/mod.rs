//! Installs, repairs, upgrades and checks the store in a database, as `session-admin install` and `check` do.
//!
//! The library contains the SQL of every release (`sql/released/`). [refinery] executes it and records each release in
//! `public.correct_web_history`. The SQL creates the routine `public.correct_web(schema, role)`, which creates, repairs or
//! upgrades a store and reports what it changed. Both steps are **one transaction**: a failure leaves the database unchanged.
//! An index that is missing from a table with rows is built after the transaction, concurrently with requests.
//!
//! Installs into one database wait for each other, by a session-level advisory lock (key [`LOCK_KEY`]) that is taken before
//! the transaction and released after it. So the connection must not be inside a transaction, and must not go through a
//! pooler that shares connections between transactions (PgBouncer's `pool_mode = transaction`).
//!
//! A superuser may install, and so may a role with `CREATEROLE` that owns the database.
//!
//! This module needs Rust 1.92, because refinery 0.10 does.
//!
//! ```no_run
//! # fn main() -> Result<(), connect_pg::Error> {
//! use connect_pg::ConnectionSettings;
//! use connect_pg::install::{InstallOptions, install};
//!
//! let mut client = ConnectionSettings::from_env()?.connect()?;
//! let report = install(&mut client, &InstallOptions::default())?;
//! for change in &report.changes {
//!     println!("{} {} {}", change.action, change.kind, change.object);
//! }
//! # Ok(()) }
//! ```
//!
//! [refinery]: https://docs.rs/refinery

mod apply;
mod comparison;
mod durability;
mod history;
mod indexes;
mod locks;
mod options;
mod present_durability;
mod refinery;
mod releases;
mod report;
mod routine;
mod script;
mod transaction;
mod uninstall;

pub use apply::{check, dry_run, install};
pub use durability::Durability;
pub use locks::LOCK_KEY;
pub use options::InstallOptions;
pub use present_durability::durability;
pub use report::{Change, InstallReport};
pub use script::script;
pub use uninstall::{Roles, plan_uninstall, uninstall};
