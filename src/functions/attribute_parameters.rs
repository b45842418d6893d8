use std::net::IpAddr;

use crate::error::Error;
use crate::functions::lifetime_parameters::LifetimeParameters;
use crate::functions::parameter::Parameter;
use crate::session::{Lifetime, SessionAttributes};

/// The attributes of a session as parameters of `create_session` and `login_session`, checked.
///
/// What the functions would refuse is refused here, because an error of the server aborts the caller's transaction.
#[derive(Clone, Copy)]
pub(crate) struct AttributeParameters<'a> {
    lifetime: LifetimeParameters,
    user_id: Option<&'a str>,
    client_address: Option<IpAddr>,
    user_agent: Option<&'a str>,
    label: Option<&'a str>,
    max_sessions: Option<i32>,
}

impl<'a> AttributeParameters<'a> {
    pub(crate) fn new(attributes: &'a SessionAttributes) -> Result<AttributeParameters<'a>, Error> {
        if let Some(user_id) = attributes.user_id.as_deref() {
            check_user_id(user_id)?;
        }
        check_text(
            attributes.user_agent.as_deref(),
            "the user agent holds a NUL character",
        )?;
        check_text(
            attributes.label.as_deref(),
            "the label holds a NUL character",
        )?;
        Ok(AttributeParameters {
            lifetime: LifetimeParameters::new(&Lifetime {
                idle_timeout: attributes.idle_timeout,
                absolute_timeout: attributes.absolute_timeout,
                expires_at: attributes.expires_at,
            })?,
            user_id: attributes.user_id.as_deref(),
            client_address: attributes.client_address,
            user_agent: attributes.user_agent.as_deref(),
            label: attributes.label.as_deref(),
            max_sessions: attributes
                .max_sessions
                .map(i32::try_from)
                .transpose()
                .map_err(|_| Error::argument("the limit of sessions is larger than 2147483647"))?,
        })
    }

    /// Returns the attributes of a session that becomes this user's.
    pub(crate) fn of_user(
        user_id: &'a str,
        attributes: &'a SessionAttributes,
    ) -> Result<AttributeParameters<'a>, Error> {
        if attributes
            .user_id
            .as_deref()
            .is_some_and(|other| other != user_id)
        {
            return Err(Error::argument("the attributes name another user"));
        }
        check_user_id(user_id)?;
        Ok(AttributeParameters {
            user_id: Some(user_id),
            ..AttributeParameters::new(attributes)?
        })
    }

    /// Returns the user id.
    pub(crate) fn user_id(&self) -> Option<&'a str> {
        self.user_id
    }

    /// Returns the parameters behind two others: `$3` to `$10` of both functions.
    pub(crate) fn after(&self, first: Parameter<'a>, second: Parameter<'a>) -> [Parameter<'a>; 10] {
        let [idle_timeout, absolute_timeout, expires_at] = self.lifetime.parameters();
        [
            first,
            second,
            idle_timeout,
            absolute_timeout,
            Parameter::UserId(self.user_id),
            Parameter::Address(self.client_address),
            Parameter::Text(self.user_agent),
            Parameter::Text(self.label),
            Parameter::Integer(self.max_sessions),
            expires_at,
        ]
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

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(attributes: &SessionAttributes) -> bool {
        AttributeParameters::new(attributes).is_err_and(|error| error.is_invalid_argument())
    }

    #[test]
    fn attributes_of_another_user_are_refused() {
        let attributes = SessionAttributes::new();
        let ada = AttributeParameters::of_user("ada", &attributes).unwrap();
        assert_eq!(ada.user_id(), Some("ada"));
        let attributes = attributes.user_id("ada");
        assert!(AttributeParameters::of_user("ada", &attributes).is_ok());
        for user_id in ["bob", ""] {
            let error = AttributeParameters::of_user(user_id, &attributes)
                .err()
                .unwrap();
            assert!(error.is_invalid_argument());
        }
        let error = AttributeParameters::of_user("", &SessionAttributes::new()).err();
        assert!(error.unwrap().is_invalid_argument());
    }

    #[test]
    fn values_that_server_would_refuse_are_refused() {
        let user = |id: &str| SessionAttributes {
            user_id: Some(id.to_owned()),
            ..SessionAttributes::default()
        };
        assert!(!is_refused(&user("ok")));
        assert!(!is_refused(&user(&"x".repeat(1024))));
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
            assert!(is_refused(&bad));
        }
    }
}
