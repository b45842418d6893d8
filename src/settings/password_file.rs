//! The password file of the application.

use std::path::Path;

use crate::error::Error;

/// Returns the password in the first line of the file.
pub(crate) fn read_password_file(path: &Path) -> Result<String, Error> {
    let fail =
        |why: &str| Error::password_file(format!("the password file {} {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| fail(&format!("cannot be read: {error}")))?;
    let line = bytes
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    match std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)) {
        Ok("") => Err(fail("has no password in its first line")),
        Ok(line) => Ok(line.to_owned()),
        Err(_) => Err(fail("is not UTF-8 text")),
    }
}
