use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::error::{Error, ParseSessionIdError};
use crate::session::key::SessionKey;

/// The random bytes of an id: 256 bits, where [OWASP ASVS 5.0, 7.2.3][asvs] asks for at least 128.
///
/// [asvs]: https://github.com/OWASP/ASVS/blob/v5.0.0/5.0/en/0x16-V7-Session-Management.md
const BYTES: usize = 32;

/// The secret that a browser holds: 256 random bits as 43 characters of base64url.
///
/// It gives access to the session, so it is never stored and never logged. The database receives the
/// [key](SessionKey) only, `Debug` shows none of it, and there is no `Display`. Only
/// [`as_cookie_value`](SessionId::as_cookie_value) returns the text.
///
/// The text is base64url without padding ([RFC 4648, section 5][rfc4648]). A cookie's value may contain each of these
/// characters ([RFC 6265, section 4.1.1][rfc6265]).
///
/// Comparing two ids takes a time that depends on them, which is safe because no lookup compares ids. The database finds a row by
/// the SHA-256 of the id, which an attacker who does not know the id cannot steer (see [CVE-2019-16782]).
///
/// [rfc4648]: https://www.rfc-editor.org/rfc/rfc4648#section-5
/// [rfc6265]: https://www.rfc-editor.org/rfc/rfc6265#section-4.1.1
/// [CVE-2019-16782]: https://github.com/advisories/GHSA-hrqr-hxpp-chr3
///
/// # Examples
///
/// ```
/// use connect_pg::SessionId;
///
/// # fn main() -> Result<(), connect_pg::Error> {
/// let id = SessionId::generate()?;
/// assert_eq!(id.as_cookie_value().len(), 43);
/// assert_eq!(format!("{id:?}"), "SessionId(…)");
///
/// // What a browser sends back is parsed; anything else is refused.
/// let same: SessionId = id.as_cookie_value().parse()?;
/// assert_eq!(same, id);
/// assert!("../../etc/passwd".parse::<SessionId>().is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// The length of the text of every id that this library draws, in characters and bytes.
    pub const LENGTH: usize = 43;

    /// Draws an id from the operating system's random source.
    ///
    /// [`Store::create`](crate::Store::create) calls this.
    ///
    /// # Errors
    ///
    /// Returns an error if the random source fails.
    pub fn generate() -> Result<SessionId, Error> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(Error::random)?;
        Ok(SessionId(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Draws ids until the key of one has this [slot](SessionKey::slot).
    ///
    /// An id that replaces another keeps its slot, so that the session stays on its server if sessions are spread over several.
    /// It takes 256 draws on average. The other 248 bits of the key are free.
    ///
    /// # Errors
    ///
    /// Returns an error if the random source fails.
    #[doc(hidden)]
    pub fn generate_for_slot(slot: u8) -> Result<SessionId, Error> {
        loop {
            let id = SessionId::generate()?;
            if id.key().slot() == slot {
                return Ok(id);
            }
        }
    }

    /// Returns the id of a session that `session-admin import` brought from another store, as that store's cookie holds it: any
    /// text of 1 to 1024 bytes without a NUL.
    ///
    /// It is as hard to guess as the other store made it. So load the session with it once, then
    /// [`rotate`](crate::Store::rotate) to an id of this library. If the cookie holds a signature besides the id, check it and
    /// take it off first.
    ///
    /// # Errors
    ///
    /// Returns an error, without the text, unless the text is 1 to 1024 bytes without a NUL.
    ///
    /// # Examples
    ///
    /// ```
    /// use connect_pg::{ParseSessionIdError, SessionId};
    ///
    /// /// An id of this library first; otherwise one of the store that the application used before.
    /// fn session_id(cookie: &str) -> Result<SessionId, ParseSessionIdError> {
    ///     cookie.parse().or_else(|_| SessionId::foreign(cookie))
    /// }
    /// # assert!(session_id("yS5kZqCG3mTg2ZrVXOyAhw").is_ok());
    /// # assert!(session_id("").is_err());
    /// ```
    pub fn foreign(text: &str) -> Result<SessionId, ParseSessionIdError> {
        if text.is_empty() || text.len() > 1024 || text.contains('\0') {
            return Err(ParseSessionIdError::new());
        }
        Ok(SessionId(text.to_owned()))
    }

    /// Returns the id as the browser's cookie holds it: 43 characters `A-Z a-z 0-9 - _`.
    ///
    /// Put it into a cookie that is `HttpOnly`, `Secure` and `SameSite` ([OWASP, "Cookies"][owasp]). Never write it to a log, a
    /// URL or a table.
    ///
    /// [owasp]: https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html#cookies
    #[must_use]
    pub fn as_cookie_value(&self) -> &str {
        &self.0
    }

    /// Returns the key under which the session is stored: the SHA-256 of the id's text.
    #[must_use]
    pub fn key(&self) -> SessionKey {
        SessionKey::new(Sha256::digest(self.0.as_bytes()).into())
    }
}

/// Reads the id that a browser sent.
impl FromStr for SessionId {
    type Err = ParseSessionIdError;

    /// Parses the text of a cookie.
    ///
    /// # Errors
    ///
    /// Returns an error, always the same and without the text, unless the text is 43 characters of base64url in canonical
    /// form. The last character holds four bits of the id. Its other two bits must be zero, so that an id has one text
    /// ([RFC 4648, section 3.5][canonical]).
    ///
    /// [canonical]: https://www.rfc-editor.org/rfc/rfc4648#section-3.5
    fn from_str(text: &str) -> Result<SessionId, ParseSessionIdError> {
        let mut bytes = [0; BYTES];
        // The length comes first, so that a long text is not decoded.
        if text.len() != Self::LENGTH {
            return Err(ParseSessionIdError::new());
        }
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(BYTES) => Ok(SessionId(text.to_owned())),
            _ => Err(ParseSessionIdError::new()),
        }
    }
}

/// As [`FromStr`](SessionId::from_str).
impl TryFrom<&str> for SessionId {
    type Error = ParseSessionIdError;

    fn try_from(text: &str) -> Result<SessionId, ParseSessionIdError> {
        text.parse()
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_refused_or_is_the_one_text_of_its_bits(text in ".*|[A-Za-z0-9_-]{42}.{1,2}|[A-Za-z0-9_-]{43}") {
            if let Ok(id) = text.parse::<SessionId>() {
                let bits = URL_SAFE_NO_PAD.decode(&text).unwrap();
                prop_assert_eq!(bits.len(), BYTES);
                prop_assert_eq!(URL_SAFE_NO_PAD.encode(bits), text.as_str());
                prop_assert_eq!(id.as_cookie_value(), text);
            }
        }

        #[test]
        fn all_bits_are_an_id(bits: [u8; BYTES]) {
            let text = URL_SAFE_NO_PAD.encode(bits);
            let id: SessionId = text.parse().unwrap();
            prop_assert_eq!(id.as_cookie_value(), text);
        }

        #[test]
        fn any_foreign_text_is_refused_or_kept(text: String) {
            match SessionId::foreign(&text) {
                Ok(id) => prop_assert_eq!(id.as_cookie_value(), text),
                Err(_) => prop_assert!(text.is_empty() || text.len() > 1024 || text.contains('\0')),
            }
        }
    }

    #[test]
    fn generated_ids_parse_and_differ() {
        let (a, b) = (
            SessionId::generate().unwrap(),
            SessionId::generate().unwrap(),
        );
        assert_ne!(a, b);
        assert_ne!(a.key(), b.key());
        assert_eq!(a.as_cookie_value().parse::<SessionId>().unwrap(), a);
        assert_eq!(SessionId::try_from(b.as_cookie_value()).unwrap(), b);
    }

    #[test]
    fn the_key_is_the_sha256_of_the_text() {
        let id: SessionId = "A".repeat(43).parse().unwrap();
        // printf %s AAA… | sha256sum | cut -c1-16
        assert_eq!(
            id.key().as_bytes()[..8],
            [0x0f, 0x00, 0x73, 0x85, 0xb6, 0xf9, 0xd4, 0xb7]
        );
    }

    #[test]
    fn only_canonical_base64url_of_32_bytes_is_an_id() {
        let good = "A".repeat(43);
        assert!(good.parse::<SessionId>().is_ok());
        for bad in [
            String::new(),
            "A".repeat(42),
            "A".repeat(44),
            format!("{}=", "A".repeat(42)),
            format!("{}=", "A".repeat(43)),
            format!("{}B", "A".repeat(42)), // the same bytes as good, with a trailing bit set
            format!("{}+", "A".repeat(42)),
            format!("{}/A", "A".repeat(41)),
            format!(" {}", "A".repeat(42)),
            format!("{}\n", "A".repeat(42)),
            format!("{}\0", "A".repeat(42)),
            format!("{}é", "A".repeat(41)),
        ] {
            let error = bad.parse::<SessionId>().unwrap_err();
            assert_eq!(
                error.to_string(),
                "not a session id: expected 43 characters of base64url"
            );
            let ours = Error::from(error);
            assert!(
                ours.is_malformed_id() && !ours.is_invalid_argument(),
                "{bad:?}"
            );
            assert_eq!(ours.to_string(), error.to_string());
        }
    }

    #[test]
    fn debug_and_errors_do_not_show_the_id() {
        let id = SessionId::generate().unwrap();
        assert_eq!(format!("{id:?} {id:#?}"), "SessionId(…) SessionId(…)");
        let error = format!("{}!", &id.as_cookie_value()[..42])
            .parse::<SessionId>()
            .unwrap_err();
        assert!(!format!("{error} {error:?}").contains(&id.as_cookie_value()[..42]));
    }

    #[test]
    fn generate_for_slot_keeps_the_slot() {
        let old = SessionId::generate().unwrap().key();
        let new = SessionId::generate_for_slot(old.slot()).unwrap().key();
        assert_ne!(new, old);
        assert_eq!(new.as_bytes()[31], old.as_bytes()[31]);
    }
}
