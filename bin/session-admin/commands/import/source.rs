//! `--from` another store: reads its table.

use std::sync::atomic::{AtomicBool, Ordering};

use connect_pg::quote_identifier;
use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Portal, Transaction};

use super::args::Args;
use super::catalog::{self, Column};
use super::importer::{Importer, ReadEnd};
use super::layout::Layout;
use super::row::{Decoder, RowQuery};
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
    let limit = i32::try_from(importer.batch_size()).unwrap_or(i32::MAX);
    let failed = |error: postgres::Error| source_failed(&error);
    // A portal keeps its place between two pages. A page by the last id before it would send ids.
    let mut transaction = source.client.transaction().map_err(failed)?;
    let statement = source.query.statement();
    let portal = transaction
        .bind(&statement, &[&source.zone])
        .map_err(failed)?;
    let mut rows = Rows {
        transaction,
        portal,
        decoder: Decoder {
            is_record: source.query.is_record,
            prefix: args.strip_prefix.as_deref().unwrap_or(""),
            user_pointer: args.user_pointer.as_deref(),
        },
        count: 0,
    };
    loop {
        let count = rows.read_page(limit, importer)?;
        importer.send()?;
        if count < limit {
            return Ok((ReadEnd::Done, source.zone));
        }
        if stop.load(Ordering::Relaxed) {
            return Ok((ReadEnd::Interrupted, source.zone));
        }
    }
}

/// The rows of the table, as they were when the reading began.
struct Rows<'a> {
    transaction: Transaction<'a>,
    portal: Portal,
    decoder: Decoder<'a>,
    /// How many were read.
    count: u64,
}

impl Rows<'_> {
    /// Reads the next rows. Returns their number.
    fn read_page(&mut self, limit: i32, importer: &mut Importer<'_>) -> Result<i32, CliError> {
        let failed = |error: postgres::Error| source_failed(&error);
        let mut rows = self
            .transaction
            .query_portal_raw(&self.portal, limit)
            .map_err(failed)?;
        let mut count = 0;
        while let Some(row) = rows.next().map_err(failed)? {
            count += 1;
            self.count += 1;
            let row = self.decoder.decode(&row).map_err(failed)?;
            let position = row
                .position
                .unwrap_or_else(|| format!("row {} in the order of the ids", self.count));
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

/// The table of another store.
struct Source {
    client: Client,
    query: RowQuery,
    /// The time zone of expiries that have none.
    zone: Option<String>,
}

impl Source {
    fn open(global: &GlobalArgs, args: &Args) -> Result<Self, CliError> {
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
        let query = RowQuery {
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
}

/// Makes the connection read-only and its texts independent of its settings. `row_security` off makes row level security an error,
/// because it would hide rows. Nothing ends its transaction between two pages.
fn set_up(client: &mut Client) -> Result<(), postgres::Error> {
    disable_parameter_logging(client)?;
    client.batch_execute(
        "set default_transaction_read_only = on;
         set search_path = pg_catalog, pg_temp;
         set timezone = 'UTC';
         set datestyle = 'ISO, YMD';
         set row_security = off;
         select pg_catalog.set_config(s.name, '0', false)
         from pg_catalog.pg_settings as s
         where s.name in ('idle_in_transaction_session_timeout', 'transaction_timeout')",
    )
}

fn check_types(query: &RowQuery) -> Result<(), CliError> {
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
    query: &RowQuery,
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
