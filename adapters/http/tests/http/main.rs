//! Sessions around requests, on a real server: `bin/with-pg cargo nextest run --package connect-pg-http --all-features`.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod browser;
mod concurrency;
mod cookie;
mod outage;
mod requests;
#[cfg(feature = "tokio")]
mod tokio;
