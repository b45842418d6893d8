//! What holds for any text that is parsed as settings. The tests try random texts, and the fuzz targets those that a fuzzer finds.

use super::keywords::Keywords;
use super::{conninfo, passfile, resolve, service};

/// Checks a connection string: what is parsed can be written in both forms, and gives the same settings again.
pub fn check_connection_string(text: &str) {
    let Ok(found) = conninfo::parse(text) else {
        return;
    };
    assert_eq!(conninfo::parse(&pairs(&found)), Ok(found.clone()));
    // A URL has no code for NUL.
    if !found.values().any(|value| value.contains('\0')) {
        assert_eq!(conninfo::parse(&url(&found)), Ok(found.clone()));
    }
    // A service would be looked up in a file that the text names.
    if !found.contains_key("service") {
        // The values may be invalid.
        drop(resolve::resolve(Some(text), &|_| None));
    }
}

/// Writes `keyword='value'`, with a backslash before each character that could end the value.
fn pairs(settings: &Keywords) -> String {
    let pair = |(keyword, value): (&&str, &String)| {
        let value = value.replace('\\', "\\\\").replace('\'', "\\'");
        format!("{keyword} = '{value}'")
    };
    settings.iter().map(pair).collect::<Vec<_>>().join(" ")
}

/// Writes a URL that has each setting as a parameter.
fn url(settings: &Keywords) -> String {
    let parameter = |(keyword, value): (&&str, &String)| {
        let bytes: Vec<_> = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
        format!("{keyword}={}", bytes.concat())
    };
    let parameters: Vec<_> = settings.iter().map(parameter).collect();
    format!("postgresql://?{}", parameters.join("&"))
}

/// Checks a password file. A line that is added in front decides, whatever follows it.
pub fn check_password_file(text: &str, fields: [&str; 4]) {
    let [host, database, user, password] = fields;
    let find = |text: &str| passfile::find(text, host, 5432, database, user);
    drop(find(text));
    // A line cannot contain a line break.
    if fields.concat().contains('\n') || password.ends_with('\r') {
        return;
    }
    let [host, database, user, quoted] = fields.map(|field| {
        let quoted = field.chars().flat_map(|character| ['\\', character]);
        quoted.collect::<String>()
    });
    let line = format!("{host}:5432:{database}:{user}:{quoted}\n");
    assert_eq!(find(&format!("{line}{text}")).as_deref(), Some(password));
}

/// Checks a service file. Sections of other services change nothing in front of a service's own.
pub fn check_service_file(text: &str, service: &str) {
    let Ok(Some(found)) = service::find(text, service) else {
        return;
    };
    let lines: Vec<_> = found
        .iter()
        .map(|(keyword, value)| format!("{keyword}={value}"))
        .collect();
    let written = format!(
        "[another {service}]\nnonsense\n[{service}]\n{}",
        lines.join("\n")
    );
    assert_eq!(service::find(&written, service), Ok(Some(found)));
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::keywords::KEYWORDS;
    use super::*;

    /// The parts of connection strings and service files, in any order.
    fn parts() -> impl Strategy<Value = String> {
        let fixed = select(vec![
            "postgresql://",
            "postgres://",
            "host",
            "port",
            "user",
            "password",
            "dbname",
            "sslmode",
            "service",
            "connect_timeout",
            "keepalives_idle",
            "target_session_attrs",
            "=",
            "'",
            "\\",
            " ",
            "\n",
            "\r",
            "#",
            "[",
            "]",
            "[shop]",
            "[shop]\n",
            "host=a\n",
            ":",
            "@",
            "/",
            ",",
            "?",
            "&",
            "%",
            "%41",
            "%00",
            "%ff",
            "%c3%a9",
            "5432",
            "-1",
            "99999999999",
            "::1",
            "*",
            "é",
            "\0",
            "read-write",
        ]);
        let part = prop_oneof![4 => fixed.prop_map(str::to_owned), 1 => any::<String>()];
        vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    fn settings() -> impl Strategy<Value = Keywords> {
        let names: Vec<&'static str> = KEYWORDS.iter().map(|(name, _)| *name).collect();
        btree_map(select(names), any::<String>(), 0..5)
    }

    proptest! {
        #[test]
        fn any_connection_string_is_parsed_or_refused(text in parts()) {
            check_connection_string(&text);
        }

        #[test]
        fn written_settings_are_parsed_as_they_were(settings in settings()) {
            prop_assert_eq!(conninfo::parse(&pairs(&settings)), Ok(settings.clone()));
            check_connection_string(&pairs(&settings));
            check_connection_string(&url(&settings));
        }

        // In capitals, because an error repeats a keyword that looks like one.
        #[test]
        fn no_error_of_syntax_repeats_the_text(before in parts(), after in parts()) {
            for start in ["password=", "postgresql://u:", ""] {
                let text = format!("{start}{before}S3CRET{after}");
                if let Err(error) = conninfo::parse(&text) {
                    prop_assert!(!error.contains("S3CRET"), "{text:?}: {error}");
                }
            }
        }

        #[test]
        fn any_password_file_is_searched(text in parts(), fields: [String; 4], lines in vec(".{0,9}:?.{0,9}:5432:\\*:\\*:.{0,9}", 0..4)) {
            let fields = fields.each_ref().map(String::as_str);
            check_password_file(&text, fields);
            check_password_file(&lines.join("\n"), fields);
        }

        #[test]
        fn any_service_file_is_searched(text in parts(), name in "[a-z \\[\\]]{0,4}") {
            check_service_file(&text, "shop");
            check_service_file(&format!("[{name}]\n{text}"), &name);
        }
    }
}
