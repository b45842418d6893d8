//! The facts of an error.

use std::error::Error as StdError;
use std::io;

use postgres::error::SqlState;

/// SQLSTATE, I/O error, text and hint of an error of any of the libraries.
pub(crate) struct ErrorDetails {
    pub(crate) code: Option<SqlState>,
    pub(crate) io: Option<io::ErrorKind>,
    pub(crate) text: String,
    /// The server's hint.
    pub(crate) hint: Option<String>,
}

impl ErrorDetails {
    /// Collects the facts from the error and its causes.
    pub(crate) fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut details = Self {
            code: None,
            io: None,
            text: error.to_string(),
            hint: None,
        };
        // A message of the server, and that of a newer database, say more than their causes.
        let mut is_text_final = error
            .downcast_ref::<connect_pg::Error>()
            .is_some_and(connect_pg::Error::is_newer_database);
        let mut next = Some(error);
        while let Some(cause) = next {
            let ours = cause.downcast_ref::<connect_pg::Error>();
            if let Some(ours) = ours {
                details.code = details
                    .code
                    .or_else(|| ours.code().map(SqlState::from_code));
                if let Some((message, hint)) = ours.server_message().filter(|_| !is_text_final) {
                    is_text_final = true;
                    details.text = message;
                    details.hint = hint.map(ToOwned::to_owned);
                }
            } else if let Some(theirs) = cause.downcast_ref::<postgres::Error>() {
                details.code = details.code.or_else(|| theirs.code().cloned());
                if let Some(server) = theirs.as_db_error() {
                    is_text_final = true;
                    details.hint = server.hint().map(ToOwned::to_owned);
                    server.message().clone_into(&mut details.text);
                    if let Some(detail) = server.detail() {
                        details.text.push_str("; ");
                        details.text.push_str(detail);
                    }
                }
            } else if let Some(system) = cause.downcast_ref::<io::Error>() {
                details.io = details.io.or_else(|| Some(system.kind()));
            }
            // connect_pg::Error has no source, because its text includes the causes.
            next = match ours {
                Some(ours) => ours.get_ref().map(|inner| inner as _),
                None => cause.source(),
            };
            // The last cause is the shortest; the caller describes what it led to.
            if next.is_none() && !is_text_final {
                details.text = cause.to_string();
            }
        }
        details
    }

    /// Returns the class of the SQLSTATE: its first two characters.
    pub(crate) fn class(&self) -> &str {
        self.code
            .as_ref()
            .and_then(|code| code.code().get(..2))
            .unwrap_or("")
    }

    /// Returns true if the SQLSTATE is one of these.
    pub(crate) fn has_code(&self, codes: &[SqlState]) -> bool {
        self.code.as_ref().is_some_and(|code| codes.contains(code))
    }
}
