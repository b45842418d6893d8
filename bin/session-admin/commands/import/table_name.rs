//! The name of a table, as --table takes it.

use connect_pg::quote_identifier;

use crate::support::cli_error::CliError;
use crate::support::text::one_line;

/// Parses `schema.name` or `name`. A part may be in double quotes. Letters keep their case.
pub(super) fn parse_table_name(text: &str) -> Result<[String; 2], CliError> {
    let mut parts = vec![String::new()];
    let mut is_quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let part = parts.len() - 1;
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                parts[part].push('"');
            }
            '"' => is_quoted = !is_quoted,
            '.' if !is_quoted => parts.push(String::new()),
            other => parts[part].push(other),
        }
    }
    match <[String; 2]>::try_from(parts) {
        Ok(parts) if !is_quoted && parts.iter().all(|part| !part.is_empty()) => Ok(parts),
        Err(mut parts) if !is_quoted && parts.len() == 1 && !parts[0].is_empty() => {
            Ok(["public".into(), parts.remove(0)])
        }
        _ => Err(CliError::new(
            format!("{:?} is not the name of a table", one_line(text)),
            "give --table as schema.name; put a part with a dot in double quotes: '\"my.schema\".session'",
        )),
    }
}

/// Returns a part of a table's name as --table takes it.
pub(super) fn quoted_if_needed(name: &str) -> String {
    if name.contains(['.', '"']) {
        quote_identifier(name)
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_names_have_a_schema_and_quotes() {
        for (text, schema, name) in [
            ("session", "public", "session"),
            ("Web.Sessions", "Web", "Sessions"),
            (r#""a.b"."c""d""#, "a.b", "c\"d"),
        ] {
            assert!(
                parse_table_name(text).is_ok_and(|parts| parts == [schema, name]),
                "{text}"
            );
        }
        for text in ["", ".", "a.", "a.b.c", "\"a", "a.\"\""] {
            assert!(parse_table_name(text).is_err(), "{text}");
        }
    }
}
