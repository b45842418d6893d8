use std::error::Error as StdError;
use std::fmt;

use cookie::Key;

/// The shortest key, in bytes.
const MIN_BYTES: usize = 64;
/// What the keys are derived for: a value that the application signed with the same bytes for something else is no session cookie.
const PURPOSE: &[u8] = b"connect-pg-http session cookie ";

/// The keys that sign cookies. The first one signs, and all verify.
///
/// To replace a key, put a new one before it. Remove the old one when the last cookie that it signed has expired. All servers of one
/// site share the keys, and keep them across restarts. Otherwise their visitors are logged out.
///
/// `Debug` shows how many keys there are, and none of them.
///
/// ```
/// use connect_pg_http::KeyRing;
///
/// # fn main() -> Result<(), connect_pg_http::InvalidKey> {
/// # let (new, old) = (&[1; 64], &[2; 64]);
/// let keys = KeyRing::new(new)?.and(old)?;
/// assert_eq!(format!("{keys:?}"), "KeyRing { keys: 2 }");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct KeyRing(Vec<Vec<u8>>);

impl KeyRing {
    /// Returns a ring with one key: at least 64 random bytes, such as `head --bytes=64 /dev/urandom` prints.
    ///
    /// # Errors
    ///
    /// Returns an error if the key is shorter, or all of its bytes are zero.
    pub fn new(key: &[u8]) -> Result<KeyRing, InvalidKey> {
        KeyRing(Vec::new()).and(key)
    }

    /// Adds an older key, which verifies and does not sign.
    ///
    /// # Errors
    ///
    /// As for [`new`](KeyRing::new).
    pub fn and(mut self, key: &[u8]) -> Result<KeyRing, InvalidKey> {
        if key.len() < MIN_BYTES {
            return Err(InvalidKey(Reason::Short(key.len())));
        }
        if key.iter().all(|byte| *byte == 0) {
            return Err(InvalidKey(Reason::Zero));
        }
        self.0.push(key.to_owned());
        Ok(self)
    }

    /// Derives the keys for the cookie of this name, so that the value of another cookie is not valid in this one.
    pub(crate) fn for_cookie(&self, name: &str) -> Vec<Key> {
        self.0
            .iter()
            .map(|key| Key::derive_from(&[key, PURPOSE, name.as_bytes()].concat()))
            .collect()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("keys", &self.0.len())
            .finish()
    }
}

/// The error of a key that cannot sign cookies. It does not show the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidKey(Reason);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    Short(usize),
    Zero,
}

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Reason::Short(bytes) => write!(f, "the key has {bytes} bytes instead of at least 64")?,
            Reason::Zero => f.write_str("all bytes of the key are zero")?,
        }
        f.write_str("; hint: head --bytes=64 /dev/urandom >cookie.key")
    }
}

impl StdError for InvalidKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_or_zero_key_is_refused_and_not_shown() {
        let secret = b"s3cret-s3cret-s3cret".as_slice();
        for key in [secret, &[], &[7; 63], &[0; 64]] {
            let error = KeyRing::new(key).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains("hint: head") && !text.contains("s3cret"));
        }
        assert!(KeyRing::new(&[7; 64]).unwrap().and(secret).is_err());
    }

    #[test]
    fn debug_shows_no_key() {
        let keys = KeyRing::new(&b"s3cret--".repeat(8)).unwrap();
        let keys = keys.and(&[65; 100]).unwrap();
        assert_eq!(format!("{keys:?}"), "KeyRing { keys: 2 }");
    }
}
