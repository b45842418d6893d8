//! The password file of libpq, `~/.pgpass`: lines of `host:port:database:user:password`.

use std::path::Path;

/// What a password file answered.
#[derive(Default)]
pub(super) struct Answer {
    /// The password of the first line that matches.
    pub(super) password: Option<String>,
    /// Why the file was ignored, where it was.
    pub(super) warning: Option<String>,
}

/// Looks up the password for one server. A file that is missing answers nothing; one that others may read
/// is ignored with a warning, as libpq does.
pub(super) fn look_up(path: &Path, host: &str, port: u16, database: &str, user: &str) -> Answer {
    let Ok(metadata) = std::fs::metadata(path) else {
        return Answer::default();
    };
    if let Some(why) = refusal(&metadata) {
        return Answer {
            password: None,
            warning: Some(format!(
                "the password file {} is ignored: {why}",
                path.display()
            )),
        };
    }
    match std::fs::read(path) {
        Ok(bytes) => Answer {
            password: find(&String::from_utf8_lossy(&bytes), host, port, database, user),
            warning: None,
        },
        Err(error) => Answer {
            password: None,
            warning: Some(format!(
                "the password file {} cannot be read: {error}",
                path.display()
            )),
        },
    }
}

/// Why a file may not be used.
fn refusal(metadata: &std::fs::Metadata) -> Option<&'static str> {
    if !metadata.is_file() {
        return Some("it is not a plain file");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Some("its group or others have access to it; make it private with chmod 0600");
        }
    }
    None
}

/// The password of the first line that matches.
fn find(text: &str, host: &str, port: u16, database: &str, user: &str) -> Option<String> {
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

/// If the first field of the line is `*` or equals the value, what follows its colon.
fn match_field<'a>(line: &'a str, value: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let (field, rest) = unescape_field(line);
    rest.filter(|_| field == value)
}

/// The text up to the first colon without a backslash, its escapes resolved, and what follows that colon.
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
    fn the_first_matching_line_answers() {
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
