//! A database for one test of an adapter or an example, on the server that `PG*` or `DATABASE_URL` names.
//!
//! `bin/with-pg cargo nextest run --workspace --exclude connect-pg` starts such a server.

#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by a panic"
)]

mod test_database;
mod wait;

pub use test_database::{TestDatabase, unique_name};
pub use wait::{PATIENCE, wait_until};
