//! libpq's environment variables.

use std::ffi::OsString;

use super::keywords::{KEYWORDS, Keywords};

/// Reads all `PG*` variables that are set.
pub(super) fn read_environment(
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Keywords, String> {
    let mut found = Keywords::new();
    for &(keyword, variable) in KEYWORDS {
        if variable.is_empty() {
            continue;
        }
        if let Some(value) = environment(variable) {
            found.insert(keyword, utf8(variable, value)?);
        }
    }
    // libpq still supports this older variable.
    let required = environment("PGREQUIRESSL").is_some_and(|value| value == "1");
    if required && !found.contains_key("sslmode") {
        found.insert("sslmode", "require".into());
    }
    Ok(found)
}

/// Returns the value of a variable as text.
pub(super) fn utf8(variable: &str, value: OsString) -> Result<String, String> {
    value
        .into_string()
        .map_err(|_| format!("the environment variable {variable} is not UTF-8 text"))
}
