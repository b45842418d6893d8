//! A list of sessions, as `users` and `end --dry-run` print it.

use std::fmt::Write;

use connect_pg::UserSession;
use serde_json::json;

use crate::support::text::{one_line, timestamp};

/// A session without its id, its key and its data.
pub(crate) struct Listed {
    user_id: Option<String>,
    session: UserSession,
}

impl Listed {
    pub(crate) fn new(user_id: Option<&str>, session: UserSession) -> Self {
        Self {
            user_id: user_id.map(str::to_owned),
            session,
        }
    }

    fn json(&self) -> serde_json::Value {
        let session = &self.session;
        json!({
            "handle": session.handle().to_string(),
            "user": self.user_id,
            "created_at": timestamp(session.created_at()),
            "last_used_at": timestamp(session.last_used_at()),
            "expires_at": timestamp(session.expires_at()),
            "client_address": session.client_address().map(|address| address.to_string()),
            "user_agent": session.user_agent(),
            "label": session.label(),
        })
    }

    /// Returns the cells of a line. The last one may be long.
    fn cells(&self) -> [String; 7] {
        let cell = |text: Option<&str>| text.map_or_else(|| "-".into(), one_line);
        let session = &self.session;
        let time = |time| timestamp(time).unwrap_or_else(|| "-".into());
        [
            session.handle().to_string(),
            time(session.created_at()),
            time(session.last_used_at()),
            time(session.expires_at()),
            session
                .client_address()
                .map_or_else(|| "-".into(), |address| address.to_string()),
            cell(session.label()),
            cell(session.user_agent()),
        ]
    }
}

/// Returns the sessions as JSON.
pub(crate) fn json(sessions: &[Listed]) -> serde_json::Value {
    sessions.iter().map(Listed::json).collect()
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
