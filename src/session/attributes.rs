use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::error::Error;
use crate::functions::Parameter;

/// What [`NewSession`](crate::NewSession) and [`Login`](crate::Login) say of a session, besides its data.
#[derive(Clone, Default)]
pub(crate) struct SessionAttributes {
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) absolute_timeout: Option<Duration>,
    pub(crate) user_id: Option<String>,
    pub(crate) client_address: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) max_sessions: Option<u32>,
}

impl SessionAttributes {
    /// The parameters, in the order that the calls have them. What the function would refuse is refused here, before it costs
    /// a transaction its life.
    pub(crate) fn parameters(&self) -> Result<[Parameter<'_>; 7], Error> {
        let user_id = self.user_id.as_deref();
        if let Some(user_id) = user_id {
            check_user_id(user_id)?;
        }
        check_text(
            self.user_agent.as_deref(),
            "the user agent holds a NUL character",
        )?;
        check_text(self.label.as_deref(), "the label holds a NUL character")?;
        Ok([
            Parameter::Integer(seconds(
                self.idle_timeout,
                "the idle timeout must be whole seconds, from 1 to 2147483647",
            )?),
            Parameter::Integer(seconds(
                self.absolute_timeout,
                "the absolute timeout must be whole seconds, from 1 to 2147483647",
            )?),
            Parameter::Text(user_id),
            Parameter::Address(self.client_address),
            Parameter::Text(self.user_agent.as_deref()),
            Parameter::Text(self.label.as_deref()),
            Parameter::Integer(
                self.max_sessions
                    .map(i32::try_from)
                    .transpose()
                    .map_err(|_| {
                        Error::argument("the limit of sessions is larger than 2147483647")
                    })?,
            ),
        ])
    }
}

/// The timeouts and the limit only: the rest is personal.
impl fmt::Debug for SessionAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionAttributes")
            .field("idle_timeout", &self.idle_timeout)
            .field("absolute_timeout", &self.absolute_timeout)
            .field("max_sessions", &self.max_sessions)
            .finish_non_exhaustive()
    }
}

/// Refuses a user id that no session can have.
fn check_user_id(user_id: &str) -> Result<(), Error> {
    if user_id.is_empty() || user_id.len() > 1024 {
        return Err(Error::argument("a user id has 1 to 1024 bytes"));
    }
    check_text(Some(user_id), "the user id holds a NUL character")
}

/// Refuses a NUL, which no text in PostgreSQL can hold.
pub(crate) fn check_text(text: Option<&str>, refusal: &'static str) -> Result<(), Error> {
    if text.is_some_and(|text| text.contains('\0')) {
        return Err(Error::argument(refusal));
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_whole_seconds() {
        let refusal = "refused";
        assert_eq!(seconds(None, refusal).unwrap(), None);
        for (timeout, value) in [(1, 1), (2_147_483_647, i32::MAX)] {
            let timeout = Some(Duration::from_secs(timeout));
            assert_eq!(seconds(timeout, refusal).unwrap(), Some(value));
        }
        for bad in [
            Duration::ZERO,
            Duration::from_millis(999),
            Duration::from_millis(1500),
            Duration::from_secs(2_147_483_648),
            Duration::MAX,
        ] {
            for details in [
                SessionAttributes {
                    idle_timeout: Some(bad),
                    ..SessionAttributes::default()
                },
                SessionAttributes {
                    absolute_timeout: Some(bad),
                    ..SessionAttributes::default()
                },
            ] {
                let error = details.parameters().unwrap_err();
                assert!(error.is_invalid_argument(), "{bad:?}");
            }
        }
    }

    #[test]
    fn what_the_function_would_refuse_is_refused() {
        let user = |id: &str| SessionAttributes {
            user_id: Some(id.to_owned()),
            ..SessionAttributes::default()
        };
        assert!(user("ok").parameters().is_ok());
        assert!(user(&"x".repeat(1024)).parameters().is_ok());
        for bad in [
            user(""),
            user("a\0"),
            user(&"x".repeat(1025)),
            SessionAttributes {
                user_agent: Some("\0".to_owned()),
                ..SessionAttributes::default()
            },
            SessionAttributes {
                label: Some("\0b".to_owned()),
                ..SessionAttributes::default()
            },
            SessionAttributes {
                max_sessions: Some(u32::MAX),
                ..SessionAttributes::default()
            },
        ] {
            assert!(bad.parameters().unwrap_err().is_invalid_argument());
        }
    }
}
