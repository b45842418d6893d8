//! All tests of the client, of session-admin and of the database, as one program.

// A panic is how a test fails.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
// rust-version is the client's; the tests need a newer toolchain.
#![allow(clippy::incompatible_msrv)]

mod support;

mod client;
mod database;
mod example;
#[cfg(all(feature = "admin", feature = "tokio"))]
mod faults;
mod npm;
#[cfg(feature = "admin")]
mod session_admin;
mod source;
#[cfg(feature = "tokio")]
mod tokio_client;
