//! All tests of the client, of session-admin and of the database, as one program.

// A panic is how a test fails; helpers serve several groups of tests.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, dead_code)]
// rust-version is the client's; the tests need a newer toolchain.
#![allow(clippy::incompatible_msrv)]

mod support;

mod client;
mod database;
mod example;
mod npm;
#[cfg(feature = "admin")]
mod session_admin;
