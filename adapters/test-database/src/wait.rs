use std::thread;
use std::time::{Duration, Instant};

/// How long to wait for what happens at once unless the test fails.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until `holds` returns true, and fails the test after [`PATIENCE`].
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
