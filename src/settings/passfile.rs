//! libpq's password file, `~/.pgpass`: lines of `host:port:database:user:password`.

use std::path::Path;

/// The result of a lookup in a password file.
#[derive(Default)]
pub(super) struct Lookup {
    /// The password of the first line that matches.
    pub(super) password: Option<String>,
    /// Why the file was ignored.
    pub(super) warning: Option<String>,
}

/// Looks up the password for one server. As in libpq, a missing file has no passwords, and a file that other users may read
/// is ignored with a warning.
pub(super) fn look_up(path: &Path, host: &str, port: u16, database: &str, user: &str) -> Lookup {
    let Ok(metadata) = std::fs::metadata(path) else {
        return Lookup::default();
    };
    if let Some(reason) = reason_to_ignore(&metadata) {
        return Lookup {
            password: None,
            warning: Some(format!(
                "the password file {} is ignored: {reason}",
                path.display()
            )),
        };
    }
    match std::fs::read(path) {
        Ok(bytes) => Lookup {
            password: find(&String::from_utf8_lossy(&bytes), host, port, database, user),
            warning: None,
        },
        Err(error) => Lookup {
            password: None,
            warning: Some(format!(
                "the password file {} cannot be read: {error}",
                path.display()
            )),
        },
    }
}

/// Returns why the file must not be used.
fn reason_to_ignore(metadata: &std::fs::Metadata) -> Option<&'static str> {
    if !metadata.is_file() {
        return Some("it is not a plain file");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Some("its group or other users have access to it; run chmod 0600 on it");
        }
    }
    None
}

/// Returns the password of the first line that matches.
pub(super) fn find(
    text: &str,
    host: &str,
    port: u16,
    database: &str,
    user: &str,
) -> Option<String> {
    let port = port.to_string();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| {
            [host, &port, database, user]
                .into_iter()
                .try_fold(line, match_field)
        })
        .map(|password| unescape_field(password).0)
}

/// Returns the text after the first field if the field is `*` or equals the value.
fn match_field<'a>(line: &'a str, value: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let (field, rest) = unescape_field(line);
    rest.filter(|_| field == value)
}

/// Returns the text before the first unquoted colon, without its backslashes, and the text after the colon.
fn unescape_field(text: &str) -> (String, Option<&str>) {
    let mut field = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            ':' => return (field, Some(&text[at + 1..])),
            '\\' => field.push(characters.next().map_or('\\', |(_, kept)| kept)),
            other => field.push(other),
        }
    }
    (field, None)
}

#[cfg(test)]
mod tests {
    use super::find;

    const FILE: &str = "\
# comment:5432:shop:alice:no
db:5432:shop:alice:first
db:5432:shop:alice:second
db:*:*:bob:any\\:thing\\\\here
we\\:ird:5432:shop:alice:escaped host
short:5432
*:*:*:carol:pa:ss
*:5432:shop:*:fallback\r
";

    #[test]
    fn find_returns_the_first_matching_line() {
        let ask = |host, port, database, user| find(FILE, host, port, database, user);
        assert_eq!(ask("db", 5432, "shop", "alice").as_deref(), Some("first"));
        assert_eq!(ask("db", 1, "x", "bob").as_deref(), Some(r"any:thing\here"));
        assert_eq!(
            ask("we:ird", 5432, "shop", "alice").as_deref(),
            Some("escaped host")
        );
        assert_eq!(
            ask("other", 5432, "shop", "dave").as_deref(),
            Some("fallback")
        );
        assert_eq!(ask("x", 1, "x", "carol").as_deref(), Some("pa"));
        assert_eq!(ask("other", 5433, "shop", "dave"), None);
        assert_eq!(find("", "db", 5432, "shop", "alice"), None);
    }
}
