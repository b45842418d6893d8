//! The failure of a subcommand.

use std::fmt;

/// What failed, and a hint that says what to do. Neither holds a secret.
#[derive(Debug)]
pub(crate) struct CliError {
    what: String,
    hint: String,
}

impl CliError {
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: hint.into(),
        }
    }

    /// Returns what failed, and the hint.
    pub(crate) fn into_parts(self) -> (String, String) {
        (self.what, self.hint)
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nHint: {}", self.what, self.hint)
    }
}
