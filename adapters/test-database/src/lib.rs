//! A database for one test of an adapter or an example, and the example as a process, on the server that `PG*` or `DATABASE_URL` names.
//!
//! `bin/with-pg cargo nextest run --workspace --exclude connect-pg` starts such a server.

#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by a panic"
)]

mod application;
mod skip;
#[path = "../../../tests/support/store_template.rs"]
mod store_template;
mod test_database;
mod visitor;
mod wait;

pub use application::{Application, program_of, program_of_fixture, session_admin};
pub use skip::skip;
pub use test_database::{TestDatabase, unique_name};
pub use visitor::{Response, Visitor, send, try_send};
pub use wait::{PATIENCE, wait_until};
