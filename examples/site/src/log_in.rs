use std::time::Duration;

use connect_pg::SessionAttributes;
use connect_pg_http::CookieLifetime;
use http::HeaderMap;
use http::header::USER_AGENT;

use crate::refusal::Refusal;

/// The longest name, in characters.
const MAX_USER: usize = 64;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// The form of a login. A real application asks for a password, too, and checks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogIn {
    /// The name.
    pub user: String,
    /// Whether the login outlives the browser: "remember me".
    pub remember: bool,
}

impl LogIn {
    /// Reads the form.
    ///
    /// # Errors
    ///
    /// Returns the refusal of a form without a name of 1 to 64 characters.
    pub fn parse(body: &[u8]) -> Result<LogIn, Refusal> {
        let field = |name: &str| {
            form_urlencoded::parse(body)
                .find(|(field, _)| field == name)
                .map(|(_, value)| value.trim().to_owned())
        };
        let user = field("user")
            .filter(|user| {
                (1..=MAX_USER).contains(&user.chars().count()) && !user.contains(char::is_control)
            })
            .ok_or(Refusal::NO_USER)?;
        let remember = field("remember").is_some();
        Ok(LogIn { user, remember })
    }

    /// Returns the session's timeouts and the name of the device.
    #[must_use]
    pub fn attributes(&self, headers: &HeaderMap) -> SessionAttributes {
        let attributes = device_attributes(headers);
        if self.remember {
            attributes.idle_timeout(14 * DAY).absolute_timeout(90 * DAY)
        } else {
            attributes.idle_timeout(HOUR).absolute_timeout(12 * HOUR)
        }
    }

    /// Returns how long the browser keeps the cookie.
    #[must_use]
    pub fn lifetime(&self) -> CookieLifetime {
        if self.remember {
            CookieLifetime::Session
        } else {
            CookieLifetime::Browser
        }
    }
}

/// Returns what is known of the visitor's device. The address is missing: `X-Forwarded-For` is trustworthy only behind a proxy.
#[must_use]
pub fn device_attributes(headers: &HeaderMap) -> SessionAttributes {
    let attributes = SessionAttributes::new();
    match headers
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
    {
        Some(agent) => attributes.user_agent(agent),
        None => attributes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_has_a_name_of_1_to_64_characters() {
        let log_in = |user: &str, remember| {
            let user = user.to_owned();
            Ok(LogIn { user, remember })
        };
        for (form, parsed) in [
            ("user=ada", log_in("ada", false)),
            (
                "x=1&user=Ren%C3%A9e+O%27Neil&remember=on",
                log_in("Renée O'Neil", true),
            ),
            ("user=%ff%fe", log_in("\u{fffd}\u{fffd}", false)),
            ("", Err(Refusal::NO_USER)),
            ("user", Err(Refusal::NO_USER)),
            ("user=+++", Err(Refusal::NO_USER)),
            ("other=ada", Err(Refusal::NO_USER)),
            ("user=a%0d%0aSet-Cookie:%20x=y", Err(Refusal::NO_USER)),
            ("user=a%00b", Err(Refusal::NO_USER)),
            ("&&==&&", Err(Refusal::NO_USER)),
        ] {
            assert_eq!(LogIn::parse(form.as_bytes()), parsed, "{form}");
        }
        assert!(LogIn::parse(format!("user={}", "x".repeat(64)).as_bytes()).is_ok());
        assert_eq!(
            LogIn::parse(format!("user={}", "x".repeat(65)).as_bytes()),
            Err(Refusal::NO_USER)
        );
    }
}
