//! The password file of the application.

use std::path::Path;

use crate::error::Error;

/// The most passwords in a file. During a rotation it has two: the old one and the new one.
pub(crate) const MAX_PASSWORDS: usize = 8;

/// Returns the passwords of the file, one a line. There is at least one.
pub(crate) fn read_password_file(path: &Path) -> Result<Vec<String>, Error> {
    let fail =
        |why: &str| Error::password_file(format!("the password file {} {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| fail(&format!("cannot be read: {error}")))?;
    parse(&bytes).map_err(fail)
}

/// Returns the passwords in the content of a password file, or why there is none.
pub(crate) fn parse(bytes: &[u8]) -> Result<Vec<String>, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8 text")?;
    // Not `lines`, which keeps a carriage return at the end of the file.
    let mut lines = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    let first = lines
        .next()
        .filter(|line| !line.is_empty())
        .ok_or("has no password in its first line")?;
    let mut passwords = vec![first.to_owned()];
    for line in lines.filter(|line| !line.is_empty()) {
        if passwords.len() == MAX_PASSWORDS {
            return Err("has more than 8 lines");
        }
        passwords.push(line.to_owned());
    }
    Ok(passwords)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn each_line_is_a_password() {
        for (content, passwords) in [
            (&b"one"[..], &["one"][..]),
            (b"one\n", &["one"]),
            (b"one\r\n", &["one"]),
            (b"one\r", &["one"]),
            (b" one \ntwo", &[" one ", "two"]),
            (b"one\r\n\r\ntwo\r\n", &["one", "two"]),
            (
                b"1\n2\n3\n4\n5\n6\n7\n8\n",
                &["1", "2", "3", "4", "5", "6", "7", "8"],
            ),
        ] {
            assert_eq!(parse(content).unwrap(), passwords, "{content:?}");
        }
        for content in [
            &b""[..],
            b"\n",
            b"\r\ntwo",
            b"\nlate",
            b"one\n\xff",
            b"1\n2\n3\n4\n5\n6\n7\n8\n9",
        ] {
            assert!(parse(content).is_err(), "{content:?}");
        }
    }
}
