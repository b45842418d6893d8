//! The lookup of one setting in several sources.

use std::str::FromStr;

use super::keywords::Keywords;

/// The sources of settings, in order of priority.
pub(super) struct Sources<'a>(pub(super) Vec<&'a Keywords>);

impl Sources<'_> {
    /// Returns the value of a keyword in the first source that has it. An empty value means the default, as in libpq.
    pub(super) fn get(&self, keyword: &str) -> Option<&str> {
        self.0
            .iter()
            .find_map(|source| source.get(keyword))
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Returns a time limit or an interval. Zero and less mean None.
    pub(super) fn limit(&self, keyword: &str, default: u64) -> Result<Option<u64>, String> {
        let value: i64 = match self.get(keyword) {
            None => return Ok(Some(default)),
            Some(value) => number(keyword, value)?,
        };
        Ok(u64::try_from(value).ok().filter(|&value| value > 0))
    }

    /// Checks settings whose silent loss would leave the connection weaker than asked for.
    pub(super) fn check_supported(&self) -> Result<(), String> {
        for (keyword, supported) in [
            ("requirepeer", &[] as &[&str]),
            ("gssencmode", &["prefer", "disable"]),
            ("replication", &["false", "off", "no", "0"]),
        ] {
            if self
                .get(keyword)
                .is_some_and(|value| !supported.contains(&value))
            {
                return Err(format!(
                    "this build of connect-pg does not support this value of the connection setting {keyword}; \
                     remove the setting if the connection is safe without it"
                ));
            }
        }
        Ok(())
    }
}

/// Parses a number.
pub(super) fn number<N: FromStr>(keyword: &str, value: &str) -> Result<N, String> {
    value.trim().parse().map_err(|_| {
        format!("the connection setting {keyword} is not a number, or is out of range")
    })
}
