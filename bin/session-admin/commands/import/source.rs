//! `--from` another store: reads its table.

use std::sync::atomic::{AtomicBool, Ordering};

use connect_pg::quote_identifier;
use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Statement};

use super::args::Args;
use super::catalog::{self, Column};
use super::importer::{Importer, ReadEnd};
use super::layout::Layout;
use super::page::{PageQuery, PageRow};
use super::table_name::parse_table_name;
use crate::support::call_error::source_failed;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::global_args::GlobalArgs;
use crate::support::statement_logging::disable_parameter_logging;
use crate::support::text::one_line;

/// Imports all rows. Returns how that ended, and the time zone of expiries that have none.
pub(super) fn read(
    global: &GlobalArgs,
    args: &Args,
    importer: &mut Importer<'_>,
    stop: &AtomicBool,
) -> Result<(ReadEnd, Option<String>), CliError> {
    let mut source = Source::open(global, args)?;
    for _ in 0..source.count_without_id()? {
        importer.refuse(source.query.table.clone(), "no id");
    }
    let prepared = [source.query.first_page(), source.query.next_page()].map(|sql| {
        source
            .client
            .prepare(&sql)
            .map_err(|error| source_failed(&error))
    });
    let [first, next] = prepared;
    let (first, next) = (first?, next?);
    let limit = i64::try_from(importer.batch_size()).unwrap_or(i64::MAX);
    let mut cursor = Cursor::default();
    loop {
        let statement = if cursor.last_id.is_some() {
            &next
        } else {
            &first
        };
        let count = source.read_page(statement, limit, &mut cursor, importer)?;
        importer.send()?;
        if count < limit {
            return Ok((ReadEnd::Done, source.zone));
        }
        if stop.load(Ordering::Relaxed) {
            return Ok((ReadEnd::Interrupted, source.zone));
        }
    }
}

/// How far the reading is.
#[derive(Default)]
struct Cursor {
    last_id: Option<Vec<u8>>,
    rows: u64,
}

/// The table of another store.
struct Source<'a> {
    client: Client,
    query: PageQuery,
    /// Removed from the beginning of ids.
    prefix: &'a str,
    /// The time zone of expiries that have none.
    zone: Option<String>,
}

impl<'a> Source<'a> {
    fn open(global: &GlobalArgs, args: &'a Args) -> Result<Self, CliError> {
        let mut client = match args.source_url.as_deref() {
            None | Some("") => connection::open(global)?,
            Some(url) => connection::open_other(url, "--source-url")?,
        };
        let layout = Layout::of(args.from);
        let [schema, table] = match &args.table {
            None => layout.table.map(String::from),
            Some(name) => parse_table_name(name)?,
        };
        // Before this connection sets a time zone of its own.
        let default_zone = catalog::default_zone(&mut client, &schema, &table)
            .map_err(|error| source_failed(&error))?;
        set_up(&mut client).map_err(|error| source_failed(&error))?;
        let (oid, kind) = catalog::find_table(&mut client, &schema, &table)?;
        let columns = catalog::columns(&mut client, oid).map_err(|error| source_failed(&error))?;
        let column = |option: &str, given: &Option<String>, default: &str| {
            let name = given.as_deref().unwrap_or(default);
            columns.get(name).cloned().ok_or_else(|| {
                let mut names: Vec<&str> = columns.keys().map(String::as_str).collect();
                names.sort_unstable();
                CliError::new(
                    format!(
                        "table {}.{} has no column {}; it has {}",
                        one_line(&schema),
                        one_line(&table),
                        one_line(name),
                        one_line(&names.join(", "))
                    ),
                    format!("name the column with {option}, or another table with --table"),
                )
            })
        };
        let id = column("--id-column", &args.id_column, layout.id)?;
        let query = PageQuery {
            table: format!("{}.{}", quote_identifier(&schema), quote_identifier(&table)),
            has_unique_ids: catalog::is_unique(&mut client, oid, &id)
                .map_err(|error| source_failed(&error))?,
            id,
            data: column("--data-column", &args.data_column, layout.data)?,
            expiry: column("--expiry-column", &args.expiry_column, layout.expiry)?,
            is_record: layout.is_record,
            has_ctid: ["r", "p", "m"].contains(&kind.as_str()),
        };
        check_types(&query)?;
        let zone = zone(&mut client, args, &query, default_zone)?;
        Ok(Self {
            client,
            query,
            prefix: args.strip_prefix.as_deref().unwrap_or(""),
            zone,
        })
    }

    fn count_without_id(&mut self) -> Result<i64, CliError> {
        if self.query.id.is_required {
            return Ok(0);
        }
        self.client
            .query_one(&self.query.count_without_id(), &[])
            .and_then(|row| row.try_get(0))
            .map_err(|error| source_failed(&error))
    }

    fn read_page(
        &mut self,
        statement: &Statement,
        limit: i64,
        cursor: &mut Cursor,
        importer: &mut Importer<'_>,
    ) -> Result<i64, CliError> {
        let failed = |error: postgres::Error| source_failed(&error);
        let after = cursor.last_id.take();
        let parameters: [&(dyn postgres::types::ToSql + Sync); 3] = [&self.zone, &limit, &after];
        let mut rows = self
            .client
            .query_raw(statement, parameters)
            .map_err(failed)?;
        let mut count = 0;
        while let Some(row) = rows.next().map_err(failed)? {
            count += 1;
            cursor.rows += 1;
            let row = PageRow::decode(&row, self.query.is_record, self.prefix).map_err(failed)?;
            let position = row
                .position
                .unwrap_or_else(|| format!("row {} in the order of the ids", cursor.rows));
            cursor.last_id = Some(row.id);
            match row.session {
                Ok(session) => {
                    importer.add(position, session)?;
                }
                Err(reason) => importer.refuse(position, reason),
            }
        }
        Ok(count)
    }
}

/// Makes the connection read-only and its texts independent of its settings. `row_security` off makes row level security an error,
/// because it would hide rows.
fn set_up(client: &mut Client) -> Result<(), postgres::Error> {
    disable_parameter_logging(client)?;
    client.batch_execute(
        "set default_transaction_read_only = on;
         set search_path = pg_catalog, pg_temp;
         set timezone = 'UTC';
         set datestyle = 'ISO, YMD';
         set row_security = off",
    )
}

fn check_types(query: &PageQuery) -> Result<(), CliError> {
    let refused = |column: &Column, option: &str, what: &str| {
        Err(CliError::new(
            format!(
                "column {} of {} has the type {}, which is not a type of {what}",
                one_line(&column.name),
                one_line(&query.table),
                one_line(&column.declared)
            ),
            format!("name the right column with {option}, or another table with --table"),
        ))
    };
    if !query.id.is_text && query.id.kind != "uuid" {
        return refused(&query.id, "--id-column", "session ids");
    }
    if query.is_record != (query.data.kind == "bytea") {
        return refused(&query.data, "--data-column", "this store's data");
    }
    if query.expiry_expression().is_none() {
        return refused(&query.expiry, "--expiry-column", "expiries");
    }
    Ok(())
}

/// Returns the time zone of expiries that have none.
fn zone(
    client: &mut Client,
    args: &Args,
    query: &PageQuery,
    default_zone: String,
) -> Result<Option<String>, CliError> {
    let needs_zone = query.expiry.kind == "timestamp without time zone";
    match &args.expiry_time_zone {
        Some(zone) if needs_zone => catalog::time_zone(client, zone).map(Some),
        None if needs_zone => Ok(Some(default_zone)),
        None => Ok(None),
        Some(_) => Err(CliError::new(
            format!(
                "the expiries of {} need no time zone: they have the type {}",
                one_line(&query.table),
                one_line(&query.expiry.declared)
            ),
            "omit --expiry-time-zone",
        )),
    }
}
