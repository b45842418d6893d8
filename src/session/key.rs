use std::fmt;

/// The name of a session in the database: the SHA-256 of its [id](crate::SessionId), 32 bytes.
///
/// No session id can be computed from a key, so a dump, a backup or a read-only SQL injection gives no access to a session.
/// A plain hash is enough because the id has 256 random bits; salts and slow hashes are for passwords. `Debug` redacts the key,
/// so that logs cannot be matched with a table.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    pub(crate) const fn new(digest: [u8; 32]) -> SessionKey {
        SessionKey(digest)
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the slot, from 0 to 255: the last byte of the key, `get_byte(key, 31)` in SQL. It selects the server if sessions are
    /// spread over several, and is not secret.
    #[doc(hidden)]
    #[must_use]
    pub fn slot(&self) -> u8 {
        self.0[31]
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}
