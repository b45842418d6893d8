//! The tests of the site.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

#[path = "../../../tests/site.rs"]
mod site;

const PROGRAM: &str = env!("CARGO_BIN_EXE_example-axum");
