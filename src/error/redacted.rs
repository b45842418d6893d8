use std::error::Error as StdError;
use std::fmt;

use tokio_postgres::error::{DbError, SqlState};

/// The error of a server, without the fields that may quote a value.
#[derive(Debug)]
pub(super) struct ServerMessage {
    severity: String,
    code: SqlState,
    message: Option<String>,
    hint: Option<String>,
}

impl ServerMessage {
    pub(super) fn new(error: &DbError) -> ServerMessage {
        // The messages of these two quote the bytes of the character that does not fit.
        let quotes_data = [
            SqlState::UNTRANSLATABLE_CHARACTER,
            SqlState::CHARACTER_NOT_IN_REPERTOIRE,
        ]
        .contains(error.code());
        ServerMessage {
            severity: error.severity().to_owned(),
            code: error.code().clone(),
            message: (!quotes_data).then(|| error.message().to_owned()),
            hint: error.hint().filter(|_| !quotes_data).map(ToOwned::to_owned),
        }
    }

    /// Returns severity, message and SQLSTATE.
    pub(super) fn without_hint(&self) -> String {
        let code = self.code.code();
        match &self.message {
            Some(message) => format!("{}: {message} (SQLSTATE {code})", self.severity),
            None => format!("{} (SQLSTATE {code})", self.severity),
        }
    }

    #[cfg(feature = "admin")]
    pub(super) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.without_hint())?;
        if let Some(hint) = &self.hint {
            write!(f, " HINT: {hint}")?;
        }
        Ok(())
    }
}

impl StdError for ServerMessage {}

/// The position at which `serde_json` stopped. Its own text quotes the data.
#[derive(Debug)]
pub(super) struct JsonPosition {
    category: serde_json::error::Category,
    line: usize,
    column: usize,
}

impl JsonPosition {
    pub(super) fn new(error: &serde_json::Error) -> JsonPosition {
        JsonPosition {
            category: error.classify(),
            line: error.line(),
            column: error.column(),
        }
    }
}

impl fmt::Display for JsonPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use serde_json::error::Category;
        f.write_str(match self.category {
            Category::Data | Category::Io if self.line == 0 => "its Serialize or Deserialize failed",
            Category::Data => "a value of another shape",
            Category::Syntax => "not JSON that serde_json reads (a lone surrogate, a number out of range, nested too deeply)",
            Category::Eof => "it ends too early",
            Category::Io => "it could not be written",
        })?;
        if self.line > 0 {
            write!(f, " at line {} column {}", self.line, self.column)?;
        }
        Ok(())
    }
}

impl StdError for JsonPosition {}

/// Data that `serde_json` would write and not read back.
#[derive(Debug)]
pub(super) struct TooDeep;

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is nested more than 127 levels deep")
    }
}

impl StdError for TooDeep {}
