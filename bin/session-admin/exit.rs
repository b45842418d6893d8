//! The exit status of a subcommand that did not fail.

use std::process::ExitCode;

/// The result of a subcommand, as a yes or no.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// Status 0.
    Yes,
    /// Status 1.
    No,
    /// Status 2: a probe found a danger.
    Danger,
}

impl ExitStatus {
    /// Returns [`Yes`](ExitStatus::Yes) if `is_yes`.
    pub(crate) fn of(is_yes: bool) -> Self {
        if is_yes { Self::Yes } else { Self::No }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        match status {
            ExitStatus::Yes => ExitCode::SUCCESS,
            ExitStatus::No => ExitCode::from(1),
            ExitStatus::Danger => ExitCode::from(2),
        }
    }
}

/// Returns the exit code of a failure or of wrong usage. A probe that fails knows nothing, and 2 means danger there.
pub(crate) fn failure(is_probe: bool) -> ExitCode {
    ExitCode::from(if is_probe { 3 } else { 2 })
}
