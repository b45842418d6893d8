//! The settings of the store.

use connect_pg::quote_identifier;

use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::global_args::GlobalArgs;
use crate::support::rights::Rights;
use crate::support::text::one_line;

/// A setting, as the store describes it.
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) is_required: bool,
    pub(super) default: Option<String>,
    /// The values that it may have.
    pub(super) allowed: String,
    pub(super) meaning: String,
    pub(super) value: Option<String>,
}

/// Returns all settings, in the order of their columns.
pub(super) fn read(
    client: &mut impl postgres::GenericClient,
    global: &GlobalArgs,
) -> Result<Vec<Setting>, CliError> {
    let table = format!("{}.settings", quote_identifier(&global.schema));
    // The row as JSON has every column as text.
    let sql = format!(
        r"select
            a.attname::text,
            pg_catalog.format_type(a.atttypid, a.atttypmod),
            a.attnotnull,
            pg_catalog.pg_get_expr(d.adbin, d.adrelid),
            coalesce(
                (
                    select pg_catalog.string_agg(pg_catalog.pg_get_expr(c.conbin, c.conrelid, true), ' AND ' order by c.conname)
                    from pg_catalog.pg_constraint as c
                    where c.conrelid = a.attrelid
                        and c.contype = 'c'
                        and a.attnum = any (c.conkey)
                ),
                ''
            ),
            coalesce(pg_catalog.col_description(a.attrelid, a.attnum), ''),
            v.settings operator(pg_catalog.->>) a.attname::text
        from pg_catalog.pg_attribute as a
        left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
        cross join (select pg_catalog.to_jsonb(s) as settings from {table} as s) as v
        where a.attrelid = '{}'::pg_catalog.regclass
            and a.attnum > 0
            and not a.attisdropped
            and a.attname <> 'only_row'
        order by a.attnum",
        table.replace('\'', "''")
    );
    let settings = client
        .query(&sql, &[])
        .and_then(|rows| {
            rows.iter()
                .map(|row| {
                    let (name, kind): (String, String) = (row.try_get(0)?, row.try_get(1)?);
                    let rules: String = row.try_get(4)?;
                    Ok(Setting {
                        allowed: allowed(&name, &kind, &rules),
                        name,
                        kind,
                        is_required: row.try_get(2)?,
                        default: row.try_get(3)?,
                        meaning: row.try_get(5)?,
                        value: row.try_get(6)?,
                    })
                })
                .collect::<Result<Vec<_>, _>>()
        })
        .map_err(|error| configure_failed(&error, global))?;
    if settings.is_empty() {
        return Err(no_settings(global));
    }
    Ok(settings)
}

/// Describes a call that failed.
pub(super) fn configure_failed(error: &postgres::Error, global: &GlobalArgs) -> CliError {
    call_failed("configure the store", error, global, Rights::OwnerRole)
}

/// Describes a store without its row of settings.
pub(super) fn no_settings(global: &GlobalArgs) -> CliError {
    CliError::new(
        format!(
            "the store in schema {} has lost its row of settings",
            one_line(&global.schema)
        ),
        "restore it, with the default values: session-admin install",
    )
}

/// Describes the values of a setting, from its type and its constraints.
fn allowed(name: &str, kind: &str, rules: &str) -> String {
    let bytes = format!("octet_length({name})");
    let mut parts = vec![match kind {
        "integer" => "a whole number".to_owned(),
        "boolean" => "true or false".to_owned(),
        _ => "text".to_owned(),
    }];
    let mut is_bounded = kind != "integer";
    for rule in rules.split(" AND ").filter(|rule| !rule.is_empty()) {
        let mut words = rule.split(' ');
        let word = |word: Option<&str>| word.unwrap_or_default().to_owned();
        let (what, relation, limit) = (word(words.next()), word(words.next()), word(words.next()));
        let unit = if what == bytes { " bytes" } else { "" };
        let is_limit = limit.parse::<i64>().is_ok() && (what == name || what == bytes);
        parts.push(match relation.as_str() {
            ">=" if is_limit => format!("at least {limit}{unit}"),
            "<=" if is_limit => {
                is_bounded = true;
                format!("at most {limit}{unit}")
            }
            // A rule of another setting.
            _ if limit.parse::<i64>().is_ok() => continue,
            _ => rule.to_owned(),
        });
    }
    if !is_bounded {
        parts.push(format!("at most {}", i32::MAX));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_values_follow_from_type_and_constraints() {
        assert_eq!(
            allowed(
                "idle_timeout_seconds",
                "integer",
                "idle_timeout_seconds >= 1"
            ),
            "a whole number, at least 1, at most 2147483647"
        );
        assert_eq!(
            allowed(
                "slide_max_seconds",
                "integer",
                "slide_min_seconds >= 0 AND slide_max_seconds >= slide_min_seconds"
            ),
            "a whole number, slide_max_seconds >= slide_min_seconds, at most 2147483647"
        );
        assert_eq!(
            allowed(
                "channel",
                "text",
                "octet_length(channel) >= 1 AND octet_length(channel) <= 63"
            ),
            "text, at least 1 bytes, at most 63 bytes"
        );
        assert_eq!(allowed("refuse", "boolean", ""), "true or false");
    }
}
