//! The new password: generated, or read from standard input.

use std::io::{self, BufRead, IsTerminal, Read};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::support::cli_error::CliError;
use crate::support::output;

/// In bytes. Longer input is not a password.
const MAX_PASSWORD_BYTES: u64 = 1024;

/// Returns 256 random bits as text.
pub(super) fn generate() -> Result<String, CliError> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| {
        CliError::new(
            format!("the operating system has no random numbers: {error}"),
            "run it where /dev/urandom or getrandom(2) works",
        )
    })?;
    Ok(URL_SAFE_NO_PAD.encode(bits))
}

/// Returns the first line of standard input.
pub(super) fn read_line() -> Result<String, CliError> {
    let refused = |what: &str| {
        Err(CliError::new(
            what,
            "write the password to the first line of standard input, as UTF-8 text",
        ))
    };
    if io::stdin().is_terminal() {
        output::remark("Type the new password (it is shown), then Enter:");
    }
    let mut line = Vec::new();
    let read = io::stdin()
        .lock()
        .take(MAX_PASSWORD_BYTES + 2)
        .read_until(b'\n', &mut line);
    if let Err(error) = read {
        return refused(&format!("cannot read standard input: {error}"));
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    let Ok(password) = String::from_utf8(line) else {
        return refused("the password is not UTF-8 text");
    };
    match password {
        password if password.is_empty() => refused("the password is empty"),
        password if password.len() as u64 > MAX_PASSWORD_BYTES => {
            refused("the password is longer than 1024 bytes")
        }
        password if password.contains('\0') => {
            refused("the password contains a NUL character, which no client can send")
        }
        password => Ok(password),
    }
}
