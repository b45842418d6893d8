//! When a listener checks its connection, and how long it pauses before it connects again.

use std::time::Duration;

use crate::runtime::random_delay;

/// After this time without an event the listener asks the server whether the channel is still the same. The question also
/// finds a broken connection.
pub(crate) const MAX_SILENCE: Duration = Duration::from_secs(30);
/// The longest pause between two attempts to connect.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Returns the pause after so many failed attempts.
pub(crate) fn reconnect_pause(failures: u32) -> Duration {
    let pause = Duration::from_millis(100 << failures.min(6)).min(MAX_PAUSE);
    pause / 2 + random_delay::up_to(pause / 2)
}
