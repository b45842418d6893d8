use std::fmt;

/// What the database knows a session by: the SHA-256 of its [id](crate::SessionId), 32 bytes.
///
/// A key opens nothing: no session id can be computed from it, so a dump, a backup or a read-only SQL injection gives nobody
/// a session. A plain hash is enough because the id has 256 random bits; salts and slow hashes are for passwords, which
/// have not. `Debug` redacts it all the same, so that logs cannot be matched with a table.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    pub(crate) const fn new(digest: [u8; 32]) -> SessionKey {
        SessionKey(digest)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The session's slot, from 0 to 255: the last byte of the key, `get_byte(key, 31)` in SQL.
    ///
    /// Where sessions are spread over several servers, the slot says which one has this one. It is no secret.
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
