//! The exit status of a subcommand that did not fail.

/// What a subcommand answers when nothing failed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// Status 0.
    Yes,
    /// Status 1.
    No,
}
