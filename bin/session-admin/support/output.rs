//! Standard output and standard error.

use std::io::{self, IsTerminal, Write};

use crate::support::cli_error::CliError;

/// Writes to standard output. A closed pipe (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::new(
            format!("cannot write to standard output: {error}"),
            "check where standard output leads: a full disk, a closed terminal",
        )),
        _ => Ok(()),
    }
}

/// Writes one JSON value on one line to standard output.
pub(crate) fn print_json(value: &serde_json::Value) -> Result<(), CliError> {
    print(&format!("{value}\n"))
}

/// Writes a line to standard error. Ignores a failure to do so.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes a failure and its hint to standard error.
pub(crate) fn print_error(error: &CliError) {
    let paint = Paint::new(&io::stderr());
    remark(&format!("{} {error}", paint.red("session-admin:")));
}

/// Colors, on a terminal and without `NO_COLOR` (<https://no-color.org>).
#[derive(Clone, Copy)]
pub(crate) struct Paint(bool);

impl Paint {
    pub(crate) fn new(stream: &impl IsTerminal) -> Self {
        let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self(stream.is_terminal() && !is_unwanted)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    fn paint(self, color: &str, text: &str) -> String {
        if self.0 {
            format!("\u{1b}[{color}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}
