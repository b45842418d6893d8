use std::time::{Duration, SystemTime};

use connect_pg::{Lifetime, SessionAttributes};
use time::OffsetDateTime;

/// Returns the time that is left until the expiry, in whole seconds, as an idle timeout. One that has passed is a time in the past.
pub(crate) fn lifetime(expiry: OffsetDateTime) -> Lifetime {
    match time_left(expiry) {
        Some(left) => Lifetime::idle_timeout(left),
        None => Lifetime::until(SystemTime::UNIX_EPOCH),
    }
}

/// Adds the [lifetime] to the attributes of a new session.
pub(crate) fn with_lifetime(
    attributes: SessionAttributes,
    expiry: OffsetDateTime,
) -> SessionAttributes {
    match time_left(expiry) {
        Some(left) => attributes.idle_timeout(left),
        None => attributes.expires_at(SystemTime::UNIX_EPOCH),
    }
}

fn time_left(expiry: OffsetDateTime) -> Option<Duration> {
    let left = Duration::try_from(expiry - OffsetDateTime::now_utc()).ok()?;
    (!left.is_zero()).then(|| whole_seconds(left))
}

/// Returns the time in this many seconds.
pub(crate) fn expiry_in(left: Duration) -> OffsetDateTime {
    let left = time::Duration::try_from(left).unwrap_or(time::Duration::MAX);
    OffsetDateTime::now_utc().saturating_add(left)
}

/// Rounds up, so that an expiry of ten seconds stays one.
fn whole_seconds(left: Duration) -> Duration {
    let seconds = left
        .as_secs()
        .saturating_add(u64::from(left.subsec_nanos() > 0));
    // What no timeout can express is refused by the store, with its limit.
    Duration::from_secs(seconds.min(i32::MAX.unsigned_abs().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_rounded_up() {
        for (milliseconds, seconds) in
            [(1, 1), (999, 1), (1000, 1), (1001, 2), (86_400_000, 86_400)]
        {
            let rounded = whole_seconds(Duration::from_millis(milliseconds));
            assert_eq!(rounded, Duration::from_secs(seconds));
        }
        assert_eq!(whole_seconds(Duration::MAX).as_secs(), 2_147_483_647);
    }

    #[test]
    fn every_expiry_is_a_lifetime() {
        let past = Lifetime::until(SystemTime::UNIX_EPOCH);
        for expiry in [
            OffsetDateTime::UNIX_EPOCH,
            OffsetDateTime::now_utc(),
            expiry_in(Duration::MAX),
            expiry_in(Duration::from_secs(3600)),
        ] {
            let is_past = expiry <= OffsetDateTime::now_utc();
            assert_eq!(lifetime(expiry) == past, is_past, "{expiry}");
        }
    }
}
