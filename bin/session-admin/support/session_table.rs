//! A list of sessions, as `users` and `end --dry-run` print it.

use std::fmt::Write;

use postgres::Row;
use serde_json::json;

use crate::support::text::one_line;

/// A session without its id, its key and its data.
pub(crate) struct Listed {
    handle: String,
    user: Option<String>,
    created_at: Option<String>,
    last_used_at: Option<String>,
    expires_at: Option<String>,
    client_address: Option<String>,
    user_agent: Option<String>,
    label: Option<String>,
}

/// The columns of [`Listed`] from `s`, after that of the user. Times as text in UTC, independent of `DateStyle` and `TimeZone`.
pub(crate) const COLUMNS: &str = r#"
    s.handle::text,
    pg_catalog.to_char(s.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    pg_catalog.to_char(s.last_used_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    pg_catalog.to_char(s.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    pg_catalog.abbrev(s.client_address),
    s.user_agent,
    s.label"#;

impl Listed {
    /// Decodes a user and [`COLUMNS`].
    pub(crate) fn read(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            user: row.try_get(0)?,
            handle: row.try_get(1)?,
            created_at: row.try_get(2)?,
            last_used_at: row.try_get(3)?,
            expires_at: row.try_get(4)?,
            client_address: row.try_get(5)?,
            user_agent: row.try_get(6)?,
            label: row.try_get(7)?,
        })
    }

    pub(crate) fn handle(&self) -> &str {
        &self.handle
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        json!({
            "handle": self.handle,
            "user": self.user,
            "created_at": self.created_at,
            "last_used_at": self.last_used_at,
            "expires_at": self.expires_at,
            "client_address": self.client_address,
            "user_agent": self.user_agent,
            "label": self.label,
        })
    }

    /// Returns the cells of a line. The last one may be long.
    fn cells(&self) -> [String; 7] {
        let cell = |text: &Option<String>| text.as_deref().map_or_else(|| "-".into(), one_line);
        [
            self.handle.clone(),
            cell(&self.created_at),
            cell(&self.last_used_at),
            cell(&self.expires_at),
            cell(&self.client_address),
            cell(&self.label),
            cell(&self.user_agent),
        ]
    }
}

/// Returns the sessions as a table.
pub(crate) fn table(sessions: &[Listed]) -> String {
    let head = [
        "HANDLE",
        "CREATED",
        "LAST USED",
        "EXPIRES",
        "ADDRESS",
        "LABEL",
        "AGENT",
    ]
    .map(String::from);
    let mut lines = vec![head];
    lines.extend(sessions.iter().map(Listed::cells));
    let mut widths = [0; 7];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for line in &lines {
        let mut padded = String::new();
        for (width, cell) in widths.iter().zip(line) {
            let _ = write!(padded, "{cell:width$}  ");
        }
        text.push_str(padded.trim_end());
        text.push('\n');
    }
    text
}
