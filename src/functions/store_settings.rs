use tokio_postgres::Row;

use crate::error::Error;
use crate::functions::call::Function;
use crate::functions::parameter::Parameters;
use crate::functions::reply::{Reply, column};

/// Returns the settings of the store. For administrators.
pub(crate) struct ReadStoreSettings;

/// A setting of the store, as its catalog describes it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoreSetting {
    /// Its name.
    pub name: String,
    /// Its type in SQL: `integer`, `boolean` or `text`.
    pub type_name: String,
    /// True if it must have a value.
    pub is_required: bool,
    /// Its default, as an SQL expression.
    pub default: Option<String>,
    /// The constraints on its values, as an SQL condition.
    pub rules: Option<String>,
    /// Its meaning.
    pub meaning: Option<String>,
    /// Its value.
    pub value: Option<String>,
}

impl<'a> Function<'a> for ReadStoreSettings {
    const STATEMENT: &'static str = "select name, type, required, default_value, rules, meaning, value \
        from {schema}.store_settings()";
    const CHANGES: bool = false;
    type Output = Vec<StoreSetting>;

    fn parameters(&self) -> Parameters<'a> {
        [].into()
    }

    fn decode(reply: Reply) -> Result<Vec<StoreSetting>, Error> {
        reply.rows().iter().map(setting).collect()
    }
}

fn setting(row: &Row) -> Result<StoreSetting, Error> {
    Ok(StoreSetting {
        name: column(row, 0)?,
        type_name: column(row, 1)?,
        is_required: column(row, 2)?,
        default: column(row, 3)?,
        rules: column(row, 4)?,
        meaning: column(row, 5)?,
        value: column(row, 6)?,
    })
}
