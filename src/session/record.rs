use std::fmt;

/// A session as [`Store::export_page`](crate::Store::export_page) returns it and [`Store::import_batch`](crate::Store::import_batch)
/// takes it. For administrators.
///
/// Times are text that PostgreSQL parses. In an export they have the format of RFC 3339, in UTC.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct SessionRecord {
    /// The SHA-256 of the session id.
    pub key: [u8; 32],
    /// The data, as the application stored it.
    pub data: Option<String>,
    /// When the session was created.
    pub created_at: Option<String>,
    /// When it was last used.
    pub last_used_at: Option<String>,
    /// When it expires unless it is used.
    pub expires_at: Option<String>,
    /// When it expires in any case.
    pub absolute_expires_at: Option<String>,
    /// Its idle timeout.
    pub idle_timeout_seconds: Option<i32>,
    /// Its user.
    pub user_id: Option<String>,
    /// The address of the client, as text.
    pub client_address: Option<String>,
    /// The user agent of the client.
    pub user_agent: Option<String>,
    /// Its label.
    pub label: Option<String>,
}

impl SessionRecord {
    /// Creates a record that has nothing but a key.
    #[must_use]
    pub fn new(key: [u8; 32]) -> SessionRecord {
        SessionRecord {
            key,
            ..SessionRecord::default()
        }
    }
}

/// Shows nothing: the rest is secret or personal.
impl fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRecord").finish_non_exhaustive()
    }
}
