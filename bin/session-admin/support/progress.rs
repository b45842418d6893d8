//! The progress of a long subcommand.

use indicatif::{ProgressBar, ProgressStyle};

/// Shows a spinner on standard error, if that is a terminal.
pub(crate) fn progress(action: &'static str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.set_message(action);
    bar.tick();
    bar
}
