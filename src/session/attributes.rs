use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// What is known of a session besides its data, when it is [created](crate::Store::create) or a user
/// [logs in](crate::Store::login). All of it is optional.
///
/// An attribute that is not set has the store's default in a new session, and stays as it is at a login.
///
/// Address, user agent and label serve to show users their devices; nothing is enforced by them. `Debug` shows the timeouts and
/// the limit only, because the rest is personal.
///
/// # Examples
///
/// "Remember me": the session outlives the browser. The cookie gets a `Max-Age`, so that the browser keeps it too. Send it again
/// when the expiry has moved.
///
/// ```
/// use std::time::Duration;
///
/// use connect_pg::{Session, SessionAttributes};
///
/// const DAY: Duration = Duration::from_secs(24 * 3600);
///
/// fn remembered() -> SessionAttributes {
///     SessionAttributes::new().idle_timeout(14 * DAY).absolute_timeout(90 * DAY)
/// }
///
/// fn cookie<T>(session: &Session<T>) -> String {
///     format!(
///         "__Host-session={}; Max-Age={}; Path=/; Secure; HttpOnly; SameSite=Lax",
///         session.id().as_cookie_value(),
///         session.max_age()
///     )
/// }
/// # let _ = (remembered(), cookie::<()>);
/// ```
///
/// Without it the session ends with the browser: the cookie has no `Max-Age`. A browser that restores its tabs
/// restores such cookies as well, so short timeouts are needed too.
///
/// ```
/// use std::time::Duration;
///
/// use connect_pg::SessionAttributes;
///
/// let for_this_visit = SessionAttributes::new()
///     .idle_timeout(Duration::from_secs(30 * 60))
///     .absolute_timeout(Duration::from_secs(12 * 3600))
///     .client_address([192, 0, 2, 1])
///     .user_agent("Mozilla/5.0");
/// ```
#[derive(Clone, Default)]
pub struct SessionAttributes {
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) absolute_timeout: Option<Duration>,
    pub(crate) expires_at: Option<SystemTime>,
    pub(crate) user_id: Option<String>,
    pub(crate) client_address: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) max_sessions: Option<u32>,
}

impl SessionAttributes {
    /// Returns attributes of which none is set.
    #[must_use]
    pub fn new() -> SessionAttributes {
        SessionAttributes::default()
    }

    /// Sets the idle timeout: the session expires this long after its last use.
    ///
    /// Whole seconds, from 1 to the store's setting `max_timeout_seconds`, 34560000 (400 days) by default. The default of a new
    /// session is the setting `idle_timeout_seconds`, 86400 (a day). ([OWASP ASVS 5.0, 7.3.1][asvs])
    ///
    /// [asvs]: https://github.com/OWASP/ASVS/blob/v5.0.0/5.0/en/0x16-V7-Session-Management.md
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> SessionAttributes {
        self.idle_timeout = Some(timeout);
        self
    }

    /// Sets the absolute timeout: the session expires this long after its creation or login, whatever its use.
    ///
    /// Whole seconds, from 1 to the store's setting `max_timeout_seconds`, 34560000 (400 days) by default. The default of a new
    /// session is the setting `absolute_timeout_seconds`, 2592000 (30 days). A login without it keeps the timeout that the session has, counted from its creation.
    /// ([OWASP ASVS 5.0, 7.3.2][asvs])
    ///
    /// [asvs]: https://github.com/OWASP/ASVS/blob/v5.0.0/5.0/en/0x16-V7-Session-Management.md
    #[must_use]
    pub fn absolute_timeout(mut self, timeout: Duration) -> SessionAttributes {
        self.absolute_timeout = Some(timeout);
        self
    }

    /// Sets the time at which the session expires by the database's clock, whatever its use. It replaces both timeouts, which
    /// cannot be set beside it.
    ///
    /// At most the store's setting `max_timeout_seconds` from now, 400 days by default. With a time in the past the session has
    /// expired.
    #[must_use]
    pub fn expires_at(mut self, time: SystemTime) -> SessionAttributes {
        self.expires_at = Some(time);
        self
    }

    /// Sets the user whose session it is, in the application's own terms: 1 to 1024 bytes. By default a new session is
    /// anonymous. A login names the user itself.
    #[must_use]
    pub fn user_id(mut self, user_id: impl Into<String>) -> SessionAttributes {
        self.user_id = Some(user_id.into());
        self
    }

    /// Sets the address that the request came from.
    #[must_use]
    pub fn client_address(mut self, address: impl Into<IpAddr>) -> SessionAttributes {
        self.client_address = Some(address.into());
        self
    }

    /// Sets the request's `User-Agent` header. The store keeps its first 512 characters.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> SessionAttributes {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// Sets a name for the session, such as the one that a user gave to a device. The store keeps its first 256 characters.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> SessionAttributes {
        self.label = Some(label.into());
        self
    }

    /// Sets how many live sessions the user may have, this one included; 0 for any number. From 0 to 2147483647. The default
    /// is the store's setting `max_sessions_per_user`. It has no effect on an anonymous session.
    ///
    /// At the limit, the store's setting `reject_over_limit` decides. Either the least recently used session ends, with
    /// [`EndReason::Evicted`](crate::EndReason::Evicted), or the new one is refused, with an error that is a
    /// [session limit](crate::Error::is_session_limit). The limit holds for any number of logins at once.
    /// ([OWASP ASVS 5.0, 7.1.2][asvs])
    ///
    /// [asvs]: https://github.com/OWASP/ASVS/blob/v5.0.0/5.0/en/0x16-V7-Session-Management.md
    #[must_use]
    pub fn max_sessions(mut self, sessions: u32) -> SessionAttributes {
        self.max_sessions = Some(sessions);
        self
    }
}

impl fmt::Debug for SessionAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionAttributes")
            .field("idle_timeout", &self.idle_timeout)
            .field("absolute_timeout", &self.absolute_timeout)
            .field("expires_at", &self.expires_at)
            .field("max_sessions", &self.max_sessions)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_personal() {
        let attributes = SessionAttributes::new()
            .user_id("s3cret")
            .user_agent("s3cret")
            .label("s3cret");
        assert!(!format!("{attributes:?}").contains("s3cret"));
    }
}
