use crate::error::Error;

/// The schema of a store, as it stands in SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaName {
    quoted: String,
}

impl SchemaName {
    /// Checks and quotes a name.
    ///
    /// PostgreSQL would cut a name off at 63 bytes without an error. A control character is legal there and a mistake here, so
    /// `public.correct_web(schema, role)` refuses it, too.
    pub(crate) fn new(name: &str) -> Result<SchemaName, Error> {
        if name.is_empty() {
            return Err(Error::argument("the schema name is empty"));
        }
        if name.len() > 63 {
            return Err(Error::argument("the schema name is longer than 63 bytes"));
        }
        if name.chars().any(char::is_control) {
            return Err(Error::argument("the schema name holds a control character"));
        }
        Ok(SchemaName {
            quoted: quote(name),
        })
    }

    /// Returns the name as a quoted identifier.
    pub(crate) fn quoted(&self) -> &str {
        &self.quoted
    }
}

/// Quotes a name as an SQL identifier, whatever is in it (PostgreSQL documentation, 4.1.1).
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Default for SchemaName {
    fn default() -> SchemaName {
        SchemaName {
            quoted: "\"web\"".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted() {
        assert_eq!(
            SchemaName::default().quoted(),
            SchemaName::new("web").unwrap().quoted()
        );
        assert_eq!(
            SchemaName::new("we\"b; drop").unwrap().quoted(),
            "\"we\"\"b; drop\""
        );
        assert_eq!(SchemaName::new("Größe").unwrap().quoted(), "\"Größe\"");
        assert!(SchemaName::new(&"x".repeat(63)).is_ok());
    }

    #[test]
    fn a_name_that_postgresql_would_change_is_refused() {
        for bad in [
            String::new(),
            "x".repeat(64),
            "ß".repeat(32),
            "a\nb".into(),
            "a\0".into(),
        ] {
            assert!(SchemaName::new(&bad).unwrap_err().is_invalid_argument());
        }
    }
}
