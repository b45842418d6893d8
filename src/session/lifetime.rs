use std::time::{Duration, SystemTime};

/// How long a session lives from now on: for [`overwrite`](crate::Store::overwrite),
/// [`save_with_lifetime`](crate::Store::save_with_lifetime) and [`touch_with_lifetime`](crate::Store::touch_with_lifetime).
///
/// Times are those of the database's clock. A lifetime beyond the store's setting `max_timeout_seconds`, 400 days by default, is an
/// [invalid argument](crate::Error::is_invalid_argument).
///
/// A web framework may pass the same lifetime with every request. It is written like a slide: not before one is due. It is
/// written at once if the expiry would be earlier, or later by more than the time between two slides. That is a twentieth of the idle
/// timeout, 1 to 10 minutes.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use connect_pg::Lifetime;
///
/// const DAY: Duration = Duration::from_secs(24 * 3600);
///
/// let remembered = Lifetime::idle_timeout(20 * DAY).and_absolute_timeout(90 * DAY);
/// let until_tomorrow = Lifetime::until(SystemTime::now() + DAY);
/// # let _ = (remembered, until_tomorrow);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lifetime {
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) absolute_timeout: Option<Duration>,
    pub(crate) expires_at: Option<SystemTime>,
}

impl Lifetime {
    /// Returns the lifetime that changes nothing: the timeouts of the session hold, and its expiry slides as with any use.
    #[must_use]
    pub fn unchanged() -> Lifetime {
        Lifetime::default()
    }

    /// Returns a lifetime with this idle timeout: the session expires this long after its last use. Whole seconds, at least 1.
    ///
    /// The absolute timeout that the session has still limits the expiry.
    #[must_use]
    pub fn idle_timeout(timeout: Duration) -> Lifetime {
        Lifetime {
            idle_timeout: Some(timeout),
            ..Lifetime::default()
        }
    }

    /// Sets the absolute timeout too: the session expires this long after this call, whatever its use. Whole seconds, at least 1.
    #[must_use]
    pub fn and_absolute_timeout(mut self, timeout: Duration) -> Lifetime {
        self.absolute_timeout = Some(timeout);
        self
    }

    /// Returns a lifetime that ends at a point in time, whatever the use of the session. It replaces both timeouts.
    ///
    /// The session expires when the database's clock shows this time. With one in the past it has expired.
    #[must_use]
    pub fn until(time: SystemTime) -> Lifetime {
        Lifetime {
            expires_at: Some(time),
            ..Lifetime::default()
        }
    }
}
