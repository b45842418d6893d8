use std::time::{Duration, SystemTime};

use crate::error::Error;
use crate::functions::parameter::Parameter;
use crate::session::Lifetime;

/// A lifetime as parameters of functions, checked.
///
/// What the functions would refuse is refused here, because an error of the server aborts the caller's transaction. Only the server
/// knows its limit.
#[derive(Clone, Copy, Default)]
pub(crate) struct LifetimeParameters {
    idle_timeout_seconds: Option<i32>,
    absolute_timeout_seconds: Option<i32>,
    expires_at: Option<SystemTime>,
}

impl LifetimeParameters {
    pub(crate) fn new(lifetime: &Lifetime) -> Result<LifetimeParameters, Error> {
        if lifetime.expires_at.is_some()
            && (lifetime.idle_timeout.is_some() || lifetime.absolute_timeout.is_some())
        {
            return Err(Error::argument(
                "a session has timeouts or an expiry at a point in time, not both",
            ));
        }
        Ok(LifetimeParameters {
            idle_timeout_seconds: seconds(
                lifetime.idle_timeout,
                "the idle timeout must be whole seconds, from 1 to 2147483647",
            )?,
            absolute_timeout_seconds: seconds(
                lifetime.absolute_timeout,
                "the absolute timeout must be whole seconds, from 1 to 2147483647",
            )?,
            expires_at: lifetime.expires_at.map(point_in_time).transpose()?,
        })
    }

    /// Returns true if the timeouts and the expiry stay.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.has_idle_timeout_at_most() && self.idle_timeout_seconds.is_none()
    }

    /// Returns true if nothing but the idle timeout may change.
    pub(crate) fn has_idle_timeout_at_most(&self) -> bool {
        self.absolute_timeout_seconds.is_none() && self.expires_at.is_none()
    }

    /// Returns the idle timeout, the absolute timeout and the expiry.
    pub(crate) fn parameters<'a>(&self) -> [Parameter<'a>; 3] {
        [
            Parameter::Integer(self.idle_timeout_seconds),
            Parameter::Integer(self.absolute_timeout_seconds),
            Parameter::Time(self.expires_at),
        ]
    }
}

fn seconds(timeout: Option<Duration>, refusal: &'static str) -> Result<Option<i32>, Error> {
    let Some(timeout) = timeout else {
        return Ok(None);
    };
    match i32::try_from(timeout.as_secs()) {
        Ok(seconds) if seconds > 0 && timeout.subsec_nanos() == 0 => Ok(Some(seconds)),
        _ => Err(Error::argument(refusal)),
    }
}

/// Returns a time that the driver can send. It computes microseconds without a check.
fn point_in_time(time: SystemTime) -> Result<SystemTime, Error> {
    /// From 1970 to the end of the year 9999.
    const LATEST: Duration = Duration::from_secs(253_402_300_800);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) if since >= LATEST => Err(Error::argument("the expiry is after the year 9999")),
        Ok(_) => Ok(time),
        // All times in the past mean the same.
        Err(_) => Ok(SystemTime::UNIX_EPOCH),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn is_refused(lifetime: Lifetime) -> bool {
        LifetimeParameters::new(&lifetime).is_err_and(|error| error.is_invalid_argument())
    }

    #[test]
    fn timeouts_are_whole_seconds() {
        assert_eq!(seconds(None, "refused").unwrap(), None);
        for (timeout, value) in [(1, 1), (2_147_483_647, i32::MAX)] {
            let timeout = Some(Duration::from_secs(timeout));
            assert_eq!(seconds(timeout, "refused").unwrap(), Some(value));
        }
        for bad in [
            Duration::ZERO,
            Duration::from_millis(999),
            Duration::from_millis(1500),
            Duration::from_secs(2_147_483_648),
            Duration::MAX,
        ] {
            assert!(is_refused(Lifetime::idle_timeout(bad)), "{bad:?}");
            let absolute = Lifetime::unchanged().and_absolute_timeout(bad);
            assert!(is_refused(absolute), "{bad:?}");
        }
    }

    #[test]
    fn timeouts_beside_a_point_in_time_are_refused() {
        let until = Lifetime::until(SystemTime::UNIX_EPOCH + DAY);
        assert!(!is_refused(until));
        assert!(is_refused(until.and_absolute_timeout(DAY)));
        assert!(is_refused(Lifetime {
            idle_timeout: Some(DAY),
            ..until
        }));
    }

    #[test]
    fn times_that_the_driver_cannot_send_are_not_sent() {
        let latest = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800);
        assert!(is_refused(Lifetime::until(latest)));
        if let Some(later) = latest.checked_add(Duration::from_secs(1 << 60)) {
            assert!(is_refused(Lifetime::until(later)));
        }
        assert!(!is_refused(Lifetime::until(latest - DAY)));
        if let Some(earlier) = SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(1 << 60)) {
            let past = LifetimeParameters::new(&Lifetime::until(earlier)).unwrap();
            assert_eq!(past.expires_at, Some(SystemTime::UNIX_EPOCH));
        }
    }

    #[test]
    fn only_no_value_is_unchanged() {
        let parameters = |lifetime| LifetimeParameters::new(&lifetime).unwrap();
        assert!(parameters(Lifetime::unchanged()).is_unchanged());
        let idle = parameters(Lifetime::idle_timeout(DAY));
        assert!(!idle.is_unchanged() && idle.has_idle_timeout_at_most());
        for other in [
            Lifetime::unchanged().and_absolute_timeout(DAY),
            Lifetime::until(SystemTime::UNIX_EPOCH),
        ] {
            let other = parameters(other);
            assert!(!other.is_unchanged() && !other.has_idle_timeout_at_most());
        }
    }
}
