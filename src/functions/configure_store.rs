use serde_json::Value;
use tokio_postgres::Row;

use crate::error::Error;
use crate::functions::call::Function;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::{Reply, column};

/// Sets settings of the store, all or none. Returns those that changed. For administrators.
pub(crate) struct ConfigureStore<'a> {
    /// A JSON object of names and values.
    settings: &'a str,
}

/// A setting that got another value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingChange {
    /// Its name.
    pub name: String,
    /// Its value before.
    pub before: Option<String>,
    /// Its value now.
    pub after: Option<String>,
}

impl<'a> ConfigureStore<'a> {
    pub(crate) fn new(settings: &'a str) -> ConfigureStore<'a> {
        ConfigureStore { settings }
    }

    /// Returns names and values as the function takes them. PostgreSQL parses a text as the type of its setting.
    pub(crate) fn settings(settings: &[(&str, Option<&str>)]) -> String {
        let settings: serde_json::Map<String, Value> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
            .collect();
        Value::Object(settings).to_string()
    }
}

impl<'a> Function<'a> for ConfigureStore<'a> {
    const STATEMENT: &'static str =
        "select name, before, after from {schema}.configure_store($1::jsonb)";
    const CHANGES: bool = true;
    type Output = Vec<SettingChange>;

    fn parameters(&self) -> Parameters<'a> {
        [Parameter::Text(Some(self.settings))].into()
    }

    fn decode(reply: Reply) -> Result<Vec<SettingChange>, Error> {
        reply.rows().iter().map(change).collect()
    }
}

fn change(row: &Row) -> Result<SettingChange, Error> {
    Ok(SettingChange {
        name: column(row, 0)?,
        before: column(row, 1)?,
        after: column(row, 2)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_one_json_object() {
        assert_eq!(
            ConfigureStore::settings(&[("a", Some("1")), ("b", None)]),
            r#"{"a":"1","b":null}"#
        );
    }
}
