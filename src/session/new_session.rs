use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::session::SessionAttributes;

/// What is known of a session when it is [created](crate::Store::create), besides its data. All of it is optional.
///
/// Address, user agent and label are for people: for showing a user the devices that are logged in. Nothing is enforced
/// by them. `Debug` shows timeouts and limit only, since the rest is personal.
///
/// A visitor who has a session already, and logs in, keeps it: see [`Login`](crate::Login).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use connect_pg::NewSession;
///
/// let remembered = NewSession::new()
///     .idle_timeout(Duration::from_secs(14 * 24 * 3600))
///     .absolute_timeout(Duration::from_secs(90 * 24 * 3600))
///     .user_id("4711")
///     .client_address([192, 0, 2, 1])
///     .user_agent("Mozilla/5.0");
/// ```
#[derive(Clone, Default)]
pub struct NewSession(pub(crate) SessionAttributes);

impl NewSession {
    /// Nothing but the store's defaults.
    #[must_use]
    pub fn new() -> NewSession {
        NewSession::default()
    }

    /// The idle timeout: the session expires this long after its last use.
    ///
    /// Whole seconds, from 1 to 2147483647; `create` refuses anything else. Default: the store's setting `idle_timeout_seconds`,
    /// 86400 (a day). ([OWASP ASVS 5.0, 7.3.1][asvs])
    ///
    /// [asvs]: https://github.com/OWASP/ASVS/blob/v5.0.0/5.0/en/0x16-V7-Session-Management.md
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> NewSession {
        self.0.idle_timeout = Some(timeout);
        self
    }

    /// The absolute timeout: the session expires this long after its creation, whatever its use.
    ///
    /// Whole seconds, from 1 to 2147483647; `create` refuses anything else. Default: the store's setting
    /// `absolute_timeout_seconds`, 2592000 (30 days). ([OWASP ASVS 5.0, 7.3.2][asvs])
    ///
    /// [asvs]: https://github.com/OWASP/ASVS/blob/v5.0.0/5.0/en/0x16-V7-Session-Management.md
    #[must_use]
    pub fn absolute_timeout(mut self, timeout: Duration) -> NewSession {
        self.0.absolute_timeout = Some(timeout);
        self
    }

    /// The user whose session it is, in the application's own terms: 1 to 1024 bytes. Default: nobody's, an anonymous session.
    #[must_use]
    pub fn user_id(mut self, user_id: impl Into<String>) -> NewSession {
        self.0.user_id = Some(user_id.into());
        self
    }

    /// The address that the request came from. Default: unknown.
    #[must_use]
    pub fn client_address(mut self, address: impl Into<IpAddr>) -> NewSession {
        self.0.client_address = Some(address.into());
        self
    }

    /// The request's `User-Agent` header; what follows its 512th character is not kept. Default: unknown.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> NewSession {
        self.0.user_agent = Some(user_agent.into());
        self
    }

    /// A name for the session, such as the one that a user gave to a device; what follows its 256th character is not kept. Default: none.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> NewSession {
        self.0.label = Some(label.into());
        self
    }

    /// How many live sessions the user may have, this one included; 0 for any number. From 0 to 2147483647. Default: the
    /// store's setting `max_sessions_per_user`. Without a user it means nothing.
    ///
    /// At the limit, the store's setting `reject_over_limit` decides: either the session that was used least recently ends, with
    /// [`EndReason::Evicted`](crate::EndReason::Evicted), or the new one is refused, with an error that answers
    /// [`is_session_limit`](crate::Error::is_session_limit). It holds for any number of log-ins at once.
    /// ([OWASP ASVS 5.0, 7.1.2][asvs])
    ///
    /// [asvs]: https://github.com/OWASP/ASVS/blob/v5.0.0/5.0/en/0x16-V7-Session-Management.md
    #[must_use]
    pub fn max_sessions(mut self, sessions: u32) -> NewSession {
        self.0.max_sessions = Some(sessions);
        self
    }
}

impl fmt::Debug for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSession")
            .field("idle_timeout", &self.0.idle_timeout)
            .field("absolute_timeout", &self.0.absolute_timeout)
            .field("max_sessions", &self.0.max_sessions)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_personal() {
        let new = NewSession::new()
            .user_id("s3cret")
            .user_agent("s3cret")
            .label("s3cret");
        assert!(!format!("{new:?}").contains("s3cret"));
    }
}
