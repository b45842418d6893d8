//! The Rust client against a real server.

mod async_context;
mod borrowed;
mod connections;
mod errors;
mod events;
mod failover;
mod faults;
mod foreign_ids;
mod groups;
mod locked;
mod login;
mod payloads;
mod pool;
mod poolers;
mod pruner;
mod rotation;
mod round_trips;
mod sessions;
#[cfg(feature = "tracing")]
mod spans;
#[cfg(feature = "tls")]
mod tls;
mod users;

use connect_pg::Error;

/// Fails the test unless the error is an outage, and the call was certainly not executed.
#[track_caller]
fn assert_unavailable(error: &Error) {
    assert!(
        error.is_unavailable() && !error.is_outcome_unknown(),
        "{error}"
    );
}
