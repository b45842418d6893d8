//! When a listener checks its connection, and how long it pauses before it connects again.

use std::time::Duration;

use crate::runtime::random_delay;
use crate::trace;

/// After this time without an event the listener asks the server whether the channel is still the same. The question also
/// finds a broken connection.
pub(crate) const MAX_SILENCE: Duration = Duration::from_secs(30);
/// The longest pause between two attempts to connect.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// The connections that were lost, and the attempts to connect that failed, since a listener was last answered.
#[derive(Debug, Default)]
pub(crate) struct Reconnects(u32);

impl Reconnects {
    /// Notes that the connection works.
    pub(crate) fn answered(&mut self) {
        self.0 = 0;
    }

    /// Returns the pause before the next attempt to connect. There is none after a connection that worked.
    pub(crate) fn next_pause(&mut self) -> Duration {
        trace::listener_reconnects(self.0);
        let pause = self.0.checked_sub(1).map(reconnect_pause);
        self.0 = self.0.saturating_add(1);
        pause.unwrap_or_default()
    }
}

/// Returns the pause after so many failed attempts.
fn reconnect_pause(failures: u32) -> Duration {
    let pause = Duration::from_millis(100 << failures.min(6)).min(MAX_PAUSE);
    pause / 2 + random_delay::up_to(pause / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    // A server or a proxy may accept each connection and lose it at once.
    #[test]
    fn pauses_grow_until_a_connection_works() {
        let mut reconnects = Reconnects::default();
        for _ in 0..2 {
            assert_eq!(reconnects.next_pause(), Duration::ZERO);
            for at_most in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
                let pause = reconnects.next_pause();
                let at_most = Duration::from_millis(at_most);
                assert!((at_most / 2..=at_most).contains(&pause), "{pause:?}");
            }
            reconnects.answered();
        }
    }
}
