//! The table of another store, as the catalog describes it.

use std::collections::HashMap;

use connect_pg::quote_identifier;
use postgres::Client;

use super::table_name::quoted_if_needed;
use crate::support::call_error::source_failed;
use crate::support::cli_error::CliError;
use crate::support::text::one_line;

/// A column, as the catalog describes it.
#[derive(Clone)]
pub(super) struct Column {
    pub(super) name: String,
    /// Its type, as in a cast.
    pub(super) declared: String,
    /// Its type; for a domain, the base type.
    pub(super) kind: String,
    pub(super) is_text: bool,
    pub(super) is_required: bool,
    pub(super) number: i16,
}

impl Column {
    /// Returns the column as an SQL expression.
    pub(super) fn quoted(&self) -> String {
        format!("s.{}", quote_identifier(&self.name))
    }
}

/// Returns the time zone that connections of the table's owner have in this database. The other stores set none, so it is theirs.
/// The reset value of this connection comes last, because it may be that of this connection's role.
pub(super) fn default_zone(
    client: &mut Client,
    schema: &str,
    table: &str,
) -> Result<String, postgres::Error> {
    client
        .query_one(
            "select coalesce(
                (
                    select substr(o.option, length('timezone=') + 1)
                    from pg_catalog.pg_db_role_setting as s
                    cross join unnest(s.setconfig) as o (option)
                    where lower(o.option) like 'timezone=%'
                        and s.setdatabase in (0, (select d.oid from pg_catalog.pg_database as d where d.datname = current_database()))
                        and s.setrole in (
                            0,
                            (
                                select c.relowner
                                from pg_catalog.pg_class as c
                                join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
                                where n.nspname = $1::text
                                    and c.relname = $2::text
                            )
                        )
                        and (s.setrole, s.setdatabase) <> (0, 0)
                    order by s.setrole <> 0 desc, s.setdatabase <> 0 desc
                    limit 1
                ),
                (select p.reset_val from pg_catalog.pg_settings as p where p.name = 'TimeZone')
            )",
            &[&schema, &table],
        )?
        .try_get(0)
}

/// Returns the oid and the kind of the table.
pub(super) fn find_table(
    client: &mut Client,
    schema: &str,
    table: &str,
) -> Result<(u32, String), CliError> {
    let rows = client
        .query(
            "select c.oid, c.relkind::text, n.nspname::text
            from pg_class as c
            join pg_namespace as n on n.oid = c.relnamespace
            where c.relname = $1::text
                and c.relkind in ('r', 'p', 'v', 'm', 'f')
            order by n.nspname",
            &[&table],
        )
        .and_then(|rows| {
            rows.iter()
                .map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))
                .collect::<Result<Vec<(u32, String, String)>, postgres::Error>>()
        })
        .map_err(|error| source_failed(&error))?;
    let elsewhere: Vec<String> = rows
        .iter()
        .map(|(_, _, schema)| format!("{}.{}", quoted_if_needed(schema), quoted_if_needed(table)))
        .collect();
    rows.into_iter()
        .find(|(_, _, found)| found == schema)
        .map(|(oid, kind, _)| (oid, kind))
        .ok_or_else(|| {
            CliError::new(
                format!(
                    "there is no table {}.{} in the database to import from",
                    one_line(schema),
                    one_line(table)
                ),
                if elsewhere.is_empty() {
                    "name the table with --table schema.name, and its database with --source-url"
                        .into()
                } else {
                    format!(
                        "is it {}? Name it with --table, and its database with --source-url",
                        one_line(&elsewhere.join(" or "))
                    )
                },
            )
        })
}

/// Returns the columns of the table by name.
pub(super) fn columns(
    client: &mut Client,
    table: u32,
) -> Result<HashMap<String, Column>, postgres::Error> {
    client
        .query(
            "select a.attname::text, format_type(a.atttypid, a.atttypmod), format_type(b.oid, null),
                b.typcategory = 'S' and b.typnamespace = 'pg_catalog'::regnamespace, a.attnotnull, a.attnum
            from pg_attribute as a
            join pg_type as t on t.oid = a.atttypid
            join pg_type as b on b.oid = case when t.typbasetype = 0 then t.oid else t.typbasetype end
            where a.attrelid = $1
                and a.attnum > 0
                and not a.attisdropped",
            &[&table],
        )?
        .iter()
        .map(|row| {
            let column = Column {
                name: row.try_get(0)?,
                declared: row.try_get(1)?,
                kind: row.try_get(2)?,
                is_text: row.try_get(3)?,
                is_required: row.try_get(4)?,
                number: row.try_get(5)?,
            };
            Ok((column.name.clone(), column))
        })
        .collect()
}

/// Returns true if a unique index guarantees that the column has no value twice.
pub(super) fn is_unique(
    client: &mut Client,
    table: u32,
    column: &Column,
) -> Result<bool, postgres::Error> {
    client
        .query_one(
            "select exists (
                    select
                    from pg_index as i
                    where i.indrelid = $1
                        and i.indisunique
                        and i.indisvalid
                        and i.indimmediate
                        and i.indpred is null
                        and i.indnkeyatts = 1
                        and i.indkey[0] = $2
                )",
            &[&table, &column.number],
        )?
        .try_get(0)
}

/// Returns the name of a time zone. Only names are accepted: in the other forms of PostgreSQL the sign is reversed.
pub(super) fn time_zone(client: &mut Client, zone: &str) -> Result<String, CliError> {
    client
            .query_opt(
                "select z.name from pg_timezone_names as z where lower(z.name) = lower($1::text)",
                &[&zone],
            )
            .and_then(|row| row.map(|row| row.try_get(0)).transpose())
            .map_err(|error| source_failed(&error))?
            .ok_or_else(|| {
                CliError::new(
                    format!("there is no time zone {:?}", one_line(zone)),
                    "name one such as Europe/Zurich or UTC; to list them: select name from pg_timezone_names",
                )
            })
}
