//! Waiting for a condition.

use std::thread;
use std::time::{Duration, Instant};

/// How long to wait for what happens at once unless the test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `holds` returns true, and fails the test after `PATIENCE`.
#[track_caller]
pub fn wait_until(what: &str, holds: impl FnMut() -> bool) {
    wait_until_within(what, PATIENCE, holds);
}

/// Waits until `holds` returns true, and fails the test after `limit`.
#[track_caller]
pub fn wait_until_within(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(1));
    }
}
