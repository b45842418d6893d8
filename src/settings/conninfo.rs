//! Connection strings as libpq reads them: a URL, or `keyword=value` pairs.
//!
//! No error repeats the text of a connection string, which may hold a password.

use super::keywords::{Keywords, find_keyword, unknown_keyword};

/// Parses a URL or `keyword=value` pairs.
pub(super) fn parse(text: &str) -> Result<Keywords, String> {
    ["postgresql://", "postgres://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .map_or_else(|| parse_pairs(text), parse_url)
}

/// Parses `host=localhost password='it\'s'`. Blanks may surround `=`; a backslash quotes the next character.
fn parse_pairs(text: &str) -> Result<Keywords, String> {
    let mut found = Keywords::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c == '=' || c.is_whitespace())
            .unwrap_or(rest.len());
        let keyword = find_keyword(&rest[..end]);
        let Some(after) = rest[end..].trim_start().strip_prefix('=') else {
            return Err(
                "the connection string is neither a URL (postgresql://user@host/database) nor a list of \
                 keyword=value pairs (host=… dbname=…); write dbname=NAME to name a database alone"
                    .into(),
            );
        };
        let keyword = keyword.ok_or_else(|| unknown_keyword(&rest[..end]))?;
        let (value, after) = pair_value(after.trim_start())?;
        found.insert(keyword, value);
        rest = after.trim_start();
    }
    Ok(found)
}

/// Returns one value and the text after it.
fn pair_value(text: &str) -> Result<(String, &str), String> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, kept)| kept)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            blank if !quoted && blank.is_whitespace() => return Ok((value, &text[at..])),
            other => value.push(other),
        }
    }
    if quoted {
        return Err("a quoted value in the connection string has no closing quote".into());
    }
    Ok((value, ""))
}

/// Parses the text after `postgresql://`: `[user[:password]@][host[:port][,…]][/dbname][?keyword=value[&…]]`
fn parse_url(text: &str) -> Result<Keywords, String> {
    let mut found = Keywords::new();
    let (address, parameters) = text.split_once('?').unwrap_or((text, ""));
    // As in libpq, the user ends at the first @ before any slash.
    let (user, address) = match address.find(['@', '/']) {
        Some(at) if address[at..].starts_with('@') => (&address[..at], &address[at + 1..]),
        _ => ("", address),
    };
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let (hosts, database) = address.split_once('/').unwrap_or((address, ""));

    for (keyword, value) in [("user", user), ("password", password), ("dbname", database)] {
        if !value.is_empty() {
            found.insert(keyword, decode(value)?);
        }
    }
    url_hosts(hosts, &mut found)?;
    for parameter in parameters.split('&').filter(|p| !p.is_empty()) {
        let Some((name, value)) = parameter.split_once('=') else {
            return Err("a parameter after ? in the connection URL has no value".into());
        };
        let (name, value) = (decode(name)?, decode(value)?);
        // The form of JDBC, which libpq accepts.
        if name == "ssl" && value == "true" {
            found.insert("sslmode", "require".into());
            continue;
        }
        let keyword = find_keyword(&name).ok_or_else(|| unknown_keyword(&name))?;
        found.insert(keyword, value);
    }
    Ok(found)
}

/// Parses `host[:port][,host[:port]…]`, with an IPv6 address in square brackets.
fn url_hosts(text: &str, found: &mut Keywords) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    let mut hosts = Vec::new();
    let mut ports = Vec::new();
    for entry in text.split(',') {
        let (host, port) = if let Some(bracketed) = entry.strip_prefix('[') {
            let Some((host, port)) = bracketed.split_once(']') else {
                return Err("an IPv6 address in the connection URL has no closing ]".into());
            };
            match port.strip_prefix(':') {
                None if !port.is_empty() => {
                    return Err("an IPv6 address in the connection URL must be followed by :port or by nothing".into());
                }
                port => (host, port.unwrap_or("")),
            }
        } else {
            entry.split_once(':').unwrap_or((entry, ""))
        };
        hosts.push(decode(host)?);
        ports.push(decode(port)?);
    }
    if hosts.iter().any(|host| !host.is_empty()) {
        found.insert("host", hosts.join(","));
    }
    if ports.iter().any(|port| !port.is_empty()) {
        found.insert("port", ports.join(","));
    }
    Ok(())
}

/// Decodes `%41` to `A`.
fn decode(text: &str) -> Result<String, String> {
    let malformed = || {
        "a percent sign in the connection URL is not followed by two hexadecimal digits that make UTF-8 text; write % itself as %25"
            .to_owned()
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        match (digit(), digit()) {
            (Some(high), Some(low)) if high + low > 0 => {
                bytes.push(u8::try_from(high * 16 + low).map_err(|_| malformed())?);
            }
            _ => return Err(malformed()),
        }
    }
    String::from_utf8(bytes).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(&'static str, String)> {
        parse(text).unwrap().into_iter().collect()
    }

    fn assert_parsed(text: &str, expected: &[(&'static str, &str)]) {
        let mut expected: Vec<_> = expected.iter().map(|&(k, v)| (k, v.to_owned())).collect();
        expected.sort();
        assert_eq!(pairs(text), expected, "{text}");
    }

    #[test]
    fn url_is_parsed() {
        assert_parsed("postgresql://", &[]);
        assert_parsed("postgres://localhost", &[("host", "localhost")]);
        assert_parsed("postgresql:///shop", &[("dbname", "shop")]);
        assert_parsed(
            "postgresql://al%20ice:p%40ss%2Fw@db.example:5433/shop?connect_timeout=3&application_name=x",
            &[
                ("user", "al ice"),
                ("password", "p@ss/w"),
                ("host", "db.example"),
                ("port", "5433"),
                ("dbname", "shop"),
                ("connect_timeout", "3"),
                ("application_name", "x"),
            ],
        );
        assert_parsed(
            "postgresql://a,b:5433,[::1]:5434/?target_session_attrs=read-write",
            &[
                ("host", "a,b,::1"),
                ("port", ",5433,5434"),
                ("target_session_attrs", "read-write"),
            ],
        );
        assert_parsed(
            "postgresql://%2Ftmp/shop",
            &[("host", "/tmp"), ("dbname", "shop")],
        );
        assert_parsed(
            "postgresql:///shop?host=/tmp",
            &[("host", "/tmp"), ("dbname", "shop")],
        );
        assert_parsed(
            "postgresql://localhost?ssl=true",
            &[("host", "localhost"), ("sslmode", "require")],
        );
        assert_parsed("postgresql://user@", &[("user", "user")]);
    }

    #[test]
    fn pairs_are_parsed() {
        assert_parsed("", &[]);
        assert_parsed(
            r"  host = /tmp user='it\'s a name' password=a\ b\\c dbname=''",
            &[
                ("host", "/tmp"),
                ("user", "it's a name"),
                ("password", r"a b\c"),
                ("dbname", ""),
            ],
        );
        assert_parsed("port=1 port=2", &[("port", "2")]);
    }

    #[test]
    fn error_does_not_repeat_the_text() {
        for text in [
            "secret",
            "host=a secret",
            "secret=1",
            "SECRET with blanks=1",
            "password='secret",
            "postgresql://u:secret%zz@h/d",
            "postgresql://u:secret%00@h/d",
            "postgresql://u:secret@[::1/d",
            "postgresql://u:secret@[::1]x/d",
            "postgresql://u:secret@h/d?nonsense=secret",
            "postgresql://u:secret@h/d?sslmode",
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                text == "secret=1" || !error.contains("secret"),
                "{text} gave {error}"
            );
        }
    }
}
