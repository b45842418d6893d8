use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::Error;

/// What is known of a session when it is [created](crate::Store::create), besides its data. All of it is optional.
///
/// Address, user agent and label are for people: for showing a user the devices that are logged in. Nothing is enforced
/// by them. `Debug` shows the timeouts only, since the rest is personal.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use connect_pg::NewSession;
///
/// let remembered = NewSession::new()
///     .idle(Duration::from_secs(14 * 24 * 3600))
///     .absolute(Duration::from_secs(90 * 24 * 3600))
///     .user_id("4711")
///     .client_address([192, 0, 2, 1])
///     .user_agent("Mozilla/5.0");
/// ```
#[derive(Clone, Default)]
pub struct NewSession {
    idle: Option<Duration>,
    absolute: Option<Duration>,
    pub(crate) user_id: Option<String>,
    pub(crate) client_address: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
    pub(crate) label: Option<String>,
}

impl NewSession {
    /// Nothing but the store's defaults.
    #[must_use]
    pub fn new() -> NewSession {
        NewSession::default()
    }

    /// The idle timeout: the session expires this long after its last use.
    ///
    /// Whole seconds, from 1 to 2147483647; `create` refuses anything else. Default: the store's setting `idle_seconds`,
    /// 86400 (a day). ([OWASP ASVS 5.0, 7.3.1][asvs])
    ///
    /// [asvs]: https://github.com/OWASP/ASVS/blob/v5.0.0/5.0/en/0x16-V7-Session-Management.md
    #[must_use]
    pub fn idle(mut self, idle: Duration) -> NewSession {
        self.idle = Some(idle);
        self
    }

    /// The absolute timeout: the session expires this long after its creation, whatever its use.
    ///
    /// Whole seconds, from 1 to 2147483647; `create` refuses anything else. Default: the store's setting
    /// `absolute_seconds`, 2592000 (30 days). ([OWASP ASVS 5.0, 7.3.2][asvs])
    ///
    /// [asvs]: https://github.com/OWASP/ASVS/blob/v5.0.0/5.0/en/0x16-V7-Session-Management.md
    #[must_use]
    pub fn absolute(mut self, absolute: Duration) -> NewSession {
        self.absolute = Some(absolute);
        self
    }

    /// The user whose session it is, in the application's own terms. Default: nobody's, an anonymous session.
    #[must_use]
    pub fn user_id(mut self, user_id: impl Into<String>) -> NewSession {
        self.user_id = Some(user_id.into());
        self
    }

    /// The address that the request came from. Default: unknown.
    #[must_use]
    pub fn client_address(mut self, address: impl Into<IpAddr>) -> NewSession {
        self.client_address = Some(address.into());
        self
    }

    /// The request's `User-Agent` header. Default: unknown.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> NewSession {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// A name for the session, such as the one that a user gave to a device. Default: none.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> NewSession {
        self.label = Some(label.into());
        self
    }

    pub(crate) fn idle_seconds(&self) -> Result<Option<i32>, Error> {
        seconds(
            self.idle,
            "the idle timeout must be whole seconds, from 1 to 2147483647",
        )
    }

    pub(crate) fn absolute_seconds(&self) -> Result<Option<i32>, Error> {
        seconds(
            self.absolute,
            "the absolute timeout must be whole seconds, from 1 to 2147483647",
        )
    }

    /// Refuses a NUL, which no text in PostgreSQL can hold, before it costs a transaction its life.
    pub(crate) fn check_texts(&self) -> Result<(), Error> {
        for (text, refusal) in [
            (&self.user_id, "the user id holds a NUL character"),
            (&self.user_agent, "the user agent holds a NUL character"),
            (&self.label, "the label holds a NUL character"),
        ] {
            if text.as_ref().is_some_and(|text| text.contains('\0')) {
                return Err(Error::argument(refusal));
            }
        }
        Ok(())
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

impl fmt::Debug for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSession")
            .field("idle", &self.idle)
            .field("absolute", &self.absolute)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_whole_seconds() {
        let idle = |timeout| NewSession::new().idle(timeout).idle_seconds();
        assert_eq!(NewSession::new().idle_seconds().unwrap(), None);
        assert_eq!(idle(Duration::from_secs(1)).unwrap(), Some(1));
        assert_eq!(
            idle(Duration::from_secs(2_147_483_647)).unwrap(),
            Some(i32::MAX)
        );
        for bad in [
            Duration::ZERO,
            Duration::from_millis(999),
            Duration::from_millis(1500),
            Duration::from_secs(2_147_483_648),
            Duration::MAX,
        ] {
            assert!(idle(bad).unwrap_err().is_invalid_argument(), "{bad:?}");
            let absolute = NewSession::new().absolute(bad).absolute_seconds();
            assert!(absolute.unwrap_err().is_invalid_argument(), "{bad:?}");
        }
    }

    #[test]
    fn a_nul_is_refused() {
        assert!(NewSession::new().user_id("ok").check_texts().is_ok());
        for bad in [
            NewSession::new().user_id("a\0"),
            NewSession::new().user_agent("\0"),
            NewSession::new().label("\0b"),
        ] {
            assert!(bad.check_texts().unwrap_err().is_invalid_argument());
        }
    }

    #[test]
    fn debug_shows_nothing_personal() {
        let new = NewSession::new()
            .user_id("s3cret")
            .user_agent("s3cret")
            .label("s3cret");
        assert!(!format!("{new:?}").contains("s3cret"));
    }
}
