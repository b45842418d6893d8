use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::session::SessionAttributes;

/// A visitor becomes a user: what [`Store::login`](crate::Store::login) is told, besides the session.
///
/// What is not set stays as the session has it. `Debug` shows timeouts and limit only, since the rest is personal.
///
/// # Examples
///
/// "Remember me": the session outlives the browser. The cookie gets a `Max-Age`, so that the browser keeps it too, and so it has
/// to be sent again when the expiry has moved.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use connect_pg::{Login, Session};
///
/// const DAY: Duration = Duration::from_secs(24 * 3600);
///
/// fn remembered(user_id: &str) -> Login {
///     Login::new(user_id).idle_timeout(14 * DAY).absolute_timeout(90 * DAY)
/// }
///
/// fn cookie<T>(session: &Session<T>) -> String {
///     let left = session.expires_at().duration_since(SystemTime::now()).unwrap_or_default();
///     format!(
///         "__Host-session={}; Max-Age={}; Path=/; Secure; HttpOnly; SameSite=Lax",
///         session.id().as_cookie_value(),
///         left.as_secs()
///     )
/// }
/// # let _ = (remembered("4711"), cookie::<()>);
/// ```
///
/// Without it, the session is over when the browser is closed: the cookie has no `Max-Age`. A browser that restores its tabs
/// restores such cookies as well, and one that is never closed keeps them, so that short timeouts on our side have to mean it.
///
/// ```
/// use std::time::Duration;
///
/// use connect_pg::{Login, Session};
///
/// fn for_this_visit(user_id: &str) -> Login {
///     Login::new(user_id)
///         .idle_timeout(Duration::from_secs(30 * 60))
///         .absolute_timeout(Duration::from_secs(12 * 3600))
/// }
///
/// fn cookie<T>(session: &Session<T>) -> String {
///     format!(
///         "__Host-session={}; Path=/; Secure; HttpOnly; SameSite=Lax",
///         session.id().as_cookie_value()
///     )
/// }
/// # let _ = (for_this_visit("4711"), cookie::<()>);
/// ```
#[derive(Clone)]
pub struct Login(pub(crate) SessionAttributes);

impl Login {
    /// This user, in the application's own terms: 1 to 1024 bytes.
    #[must_use]
    pub fn new(user_id: impl Into<String>) -> Login {
        Login(SessionAttributes {
            user_id: Some(user_id.into()),
            ..SessionAttributes::default()
        })
    }

    /// Another idle timeout: whole seconds, from 1 to 2147483647; `login` refuses anything else. Default: the one that the
    /// session has.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Login {
        self.0.idle_timeout = Some(timeout);
        self
    }

    /// Another absolute timeout, counted from the log-in: whole seconds, from 1 to 2147483647; `login` refuses anything else.
    /// Default: the one that the session has, counted from its creation.
    #[must_use]
    pub fn absolute_timeout(mut self, timeout: Duration) -> Login {
        self.0.absolute_timeout = Some(timeout);
        self
    }

    /// The address that the request came from. Default: the one that the session has.
    #[must_use]
    pub fn client_address(mut self, address: impl Into<IpAddr>) -> Login {
        self.0.client_address = Some(address.into());
        self
    }

    /// The request's `User-Agent` header; what follows its 512th character is not kept. Default: the one that the session
    /// has.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Login {
        self.0.user_agent = Some(user_agent.into());
        self
    }

    /// A name for the session, such as the one that a user gave to a device; what follows its 256th character is not kept.
    /// Default: the one that the session has.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Login {
        self.0.label = Some(label.into());
        self
    }

    /// How many live sessions the user may have, this one included; 0 for any number. As
    /// [`NewSession::max_sessions`](crate::NewSession::max_sessions).
    #[must_use]
    pub fn max_sessions(mut self, sessions: u32) -> Login {
        self.0.max_sessions = Some(sessions);
        self
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
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
        let login = Login::new("s3cret").user_agent("s3cret").label("s3cret");
        assert!(!format!("{login:?}").contains("s3cret"));
    }
}
