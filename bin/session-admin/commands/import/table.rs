//! The tables of other stores.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};

use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Row, Statement};
use serde::de::IgnoredAny;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::importer::{self, Importer, Incoming};
use super::{Args, End, SourceStore};
use crate::cli::GlobalArgs;
use crate::support::connection;
use crate::support::failure::{self, Failure};
use crate::support::output::one_line;

const RIGHTS: &str = "grant select on the table to this user, grant usage on its schema, or connect as the role of the store \
     that wrote it (--source-url)";

/// How a store keeps its sessions where nobody told it otherwise.
struct Layout {
    table: [&'static str; 2],
    id: &'static str,
    data: &'static str,
    expiry: &'static str,
    /// A record of tower-sessions in `MessagePack`; else JSON.
    is_record: bool,
}

impl Layout {
    fn of(store: SourceStore) -> Self {
        let (table, [id, data, expiry]) = match store {
            SourceStore::KoaPgSession => (["public", "session"], ["id", "session", "expiry"]),
            SourceStore::KoaGenericSessionSequelize => {
                (["public", "Sessions"], ["id", "data", "expires"])
            }
            SourceStore::TowerSessionsSqlxStore => {
                (["tower_sessions", "session"], ["id", "data", "expiry_date"])
            }
            SourceStore::ConnectPgSimple | SourceStore::ExpressPgSession | SourceStore::Jsonl => {
                (["public", "session"], ["sid", "sess", "expire"])
            }
        };
        Self {
            table,
            id,
            data,
            expiry,
            is_record: store == SourceStore::TowerSessionsSqlxStore,
        }
    }
}

/// The table that is read, and how.
struct Source<'a> {
    client: Client,
    arguments: &'a Args,
    /// In double quotes, with its schema.
    table: String,
    id: Column,
    data: Column,
    expiry: Column,
    is_record: bool,
    has_unique_ids: bool,
    /// A row has an address in the table, that is no secret.
    has_addresses: bool,
    /// Of expiries without one.
    zone: Option<String>,
}

/// A column, and what the catalog says of it.
#[derive(Clone)]
struct Column {
    name: String,
    /// As in a cast.
    declared: String,
    /// Of a domain, the type beneath.
    kind: String,
    is_text: bool,
    is_required: bool,
    number: i16,
}

impl Column {
    fn quoted(&self) -> String {
        format!("s.{}", connection::identifier(&self.name))
    }
}

/// Reads all rows; tells how that ended, and in which zone expiries without one were read.
pub(super) fn read(
    global: &GlobalArgs,
    arguments: &Args,
    target: &mut Importer<'_>,
    stop: &AtomicBool,
) -> Result<(End, Option<String>), Failure> {
    let mut source = Source::open(global, arguments)?;
    let failed = |error: postgres::Error| reading(&error);
    let without_id = source.count_without_id().map_err(failed)?;
    for _ in 0..without_id {
        target.refuse(source.table.clone(), "no id");
    }
    let limit = i64::try_from(target.most()).unwrap_or(i64::MAX);
    let [first, next] = [false, true].map(|is_next| source.page(is_next));
    let first = source.client.prepare(&first).map_err(failed)?;
    let next = source.client.prepare(&next).map_err(failed)?;
    let mut last: Option<Vec<u8>> = None;
    let mut number = 0;
    loop {
        let count = source.read_page(&first, &next, limit, &mut last, &mut number, target)?;
        target.send()?;
        if count < limit {
            return Ok((End::Done, source.zone));
        }
        if stop.load(Ordering::Relaxed) {
            return Ok((End::Interrupted, source.zone));
        }
    }
}

fn reading(error: &postgres::Error) -> Failure {
    failure::calling_source("read the sessions", error, RIGHTS)
}

impl<'a> Source<'a> {
    fn open(global: &GlobalArgs, arguments: &'a Args) -> Result<Self, Failure> {
        let mut client = match arguments.source_url.as_deref() {
            None | Some("") => connection::open(global)?,
            Some(url) => connection::open_other(url, "--source-url")?,
        };
        let layout = Layout::of(arguments.from);
        let [schema, table] = match &arguments.table {
            None => layout.table.map(String::from),
            Some(name) => table_name(name)?,
        };
        let failed = |error: postgres::Error| reading(&error);
        // Whose zone it is, before this connection has another. Row level security is to fail rather than to hide rows.
        let default_zone = default_zone(&mut client, &schema, &table).map_err(failed)?;
        importer::disable_statement_logging(&mut client).map_err(failed)?;
        client
            .batch_execute(
                "set default_transaction_read_only = on;
                 set search_path = pg_catalog, pg_temp;
                 set timezone = 'UTC';
                 set datestyle = 'ISO, YMD';
                 set row_security = off",
            )
            .map_err(failed)?;
        let (oid, kind) = find(&mut client, &schema, &table)?;
        let columns = columns(&mut client, oid).map_err(failed)?;
        let column = |option: &str, given: &Option<String>, default: &str| {
            let name = given.as_deref().unwrap_or(default);
            columns.get(name).cloned().ok_or_else(|| {
                let mut names: Vec<&str> = columns.keys().map(String::as_str).collect();
                names.sort_unstable();
                Failure::new(
                    format!(
                        "the table {}.{} has no column {}; it has {}",
                        one_line(&schema),
                        one_line(&table),
                        one_line(name),
                        one_line(&names.join(", "))
                    ),
                    format!("name the column with {option}, or another table with --table"),
                )
            })
        };
        let mut source = Self {
            arguments,
            table: format!(
                "{}.{}",
                connection::identifier(&schema),
                connection::identifier(&table)
            ),
            id: column("--id-column", &arguments.id_column, layout.id)?,
            data: column("--data-column", &arguments.data_column, layout.data)?,
            expiry: column("--expiry-column", &arguments.expiry_column, layout.expiry)?,
            is_record: layout.is_record,
            has_unique_ids: false,
            has_addresses: ["r", "p", "m"].contains(&kind.as_str()),
            zone: None,
            client,
        };
        source.has_unique_ids = source.are_ids_unique(oid).map_err(failed)?;
        source.refuse_types()?;
        if source.expiry.kind == "timestamp without time zone" {
            source.zone = Some(match &arguments.expiry_time_zone {
                Some(zone) => source.known_zone(zone)?,
                None => default_zone,
            });
        } else if arguments.expiry_time_zone.is_some() {
            return Err(Failure::new(
                format!(
                    "the expiries of {} need no time zone: they have the type {}",
                    one_line(&source.table),
                    one_line(&source.expiry.declared)
                ),
                "leave --expiry-time-zone away",
            ));
        }
        Ok(source)
    }

    fn refuse_types(&self) -> Result<(), Failure> {
        let refuse = |column: &Column, option: &str, what: &str| {
            Err(Failure::new(
                format!(
                    "the column {} of {} has the type {}, which is no {what}",
                    one_line(&column.name),
                    one_line(&self.table),
                    one_line(&column.declared)
                ),
                format!("name the right column with {option}, or another table with --table"),
            ))
        };
        if !self.id.is_text && self.id.kind != "uuid" {
            return refuse(&self.id, "--id-column", "type of session ids");
        }
        if self.is_record != (self.data.kind == "bytea") {
            return refuse(&self.data, "--data-column", "type of this store's data");
        }
        if self.moment().is_none() {
            return refuse(&self.expiry, "--expiry-column", "type of expiries");
        }
        Ok(())
    }

    /// The expiry as an expression of type timestamptz. What no calendar has lies far in the future, or long ago.
    fn moment(&self) -> Option<String> {
        let expiry = self.expiry.quoted();
        Some(match self.expiry.kind.as_str() {
            "timestamp with time zone" => expiry,
            "timestamp without time zone" => format!(
                "case when {expiry} > '9999-12-30' then 'infinity'
                    when {expiry} < '0001-01-02' then '-infinity'
                    else {expiry} at time zone $1::text end"
            ),
            "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => format!(
                "case when {expiry} > 253402214400 then 'infinity'
                    when {expiry} < -62135510400 then '-infinity'
                    else to_timestamp({expiry}::double precision) end"
            ),
            _ => return None,
        })
    }

    /// The statement of a page: the first, or one that goes on behind an id.
    fn page(&self, is_next: bool) -> String {
        let (id, data, expiry) = (self.id.quoted(), self.data.quoted(), self.expiry.quoted());
        // A database without an encoding holds what it was given, which may be no UTF-8; one row of that kind must not
        // stop the others.
        let encoding =
            "case getdatabaseencoding() when 'SQL_ASCII' then 'SQL_ASCII' else 'UTF8' end";
        let data = if self.is_record {
            data
        } else {
            format!("convert_to({data}::text, {encoding})")
        };
        let place = if self.has_addresses {
            "s.tableoid::regclass::text || ', ctid ' || s.ctid::text"
        } else {
            "null::text"
        };
        let behind = if is_next {
            format!(
                "and {id} > convert_from($3::bytea, getdatabaseencoding())::{}",
                self.id.declared
            )
        } else {
            "and $3::bytea is null".into()
        };
        // Of several rows with one id, the one that lives longest comes first.
        let order = if self.has_unique_ids {
            id.clone()
        } else {
            format!("{id}, {expiry} desc nulls last")
        };
        format!(
            "select
                convert_to({id}::text, getdatabaseencoding()),
                convert_to({id}::text, {encoding}),
                {data},
                ({})::text,
                {place}
            from {} as s
            where {id} is not null
                and ($1::text is null or true)
                {behind}
            order by {order}
            limit $2::bigint",
            self.moment().unwrap_or_default(),
            self.table
        )
    }

    fn read_page(
        &mut self,
        first: &Statement,
        next: &Statement,
        limit: i64,
        last: &mut Option<Vec<u8>>,
        number: &mut u64,
        target: &mut Importer<'_>,
    ) -> Result<i64, Failure> {
        let statement = if last.is_some() { next } else { first };
        let after = last.take();
        let parameters: [&(dyn postgres::types::ToSql + Sync); 3] = [&self.zone, &limit, &after];
        let prefix = self.arguments.strip_prefix.as_deref().unwrap_or("");
        let mut rows = self
            .client
            .query_raw(statement, parameters)
            .map_err(|error| reading(&error))?;
        let mut count = 0;
        while let Some(row) = rows.next().map_err(|error| reading(&error))? {
            count += 1;
            *number += 1;
            let place: Option<String> = row.try_get(4).map_err(|error| reading(&error))?;
            let place = place.unwrap_or_else(|| format!("row {number} in the order of the ids"));
            *last = row.try_get(0).map_err(|error| reading(&error))?;
            match session(&row, self.is_record, prefix, &place).map_err(|error| reading(&error))? {
                Ok(session) => {
                    target.add(session)?;
                }
                Err(reason) => target.refuse(place, reason),
            }
        }
        Ok(count)
    }

    fn count_without_id(&mut self) -> Result<i64, postgres::Error> {
        if self.id.is_required {
            return Ok(0);
        }
        self.client
            .query_one(
                &format!(
                    "select count(*) from {} as s where {} is null",
                    self.table,
                    self.id.quoted()
                ),
                &[],
            )?
            .try_get(0)
    }

    fn are_ids_unique(&mut self, table: u32) -> Result<bool, postgres::Error> {
        self.client
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
                &[&table, &self.id.number],
            )?
            .try_get(0)
    }

    /// A zone by its name, since what else PostgreSQL takes for one has its sign the other way round.
    fn known_zone(&mut self, zone: &str) -> Result<String, Failure> {
        self.client
            .query_opt(
                "select z.name from pg_timezone_names as z where lower(z.name) = lower($1::text)",
                &[&zone],
            )
            .and_then(|row| row.map(|row| row.try_get(0)).transpose())
            .map_err(|error| reading(&error))?
            .ok_or_else(|| {
                Failure::new(
                    format!("there is no time zone {:?}", one_line(zone)),
                    "name one as Europe/Zurich or UTC; select name from pg_timezone_names lists them",
                )
            })
    }
}

/// `schema.name` or `name`, where a part may stand in double quotes. Letters stay as they are.
fn table_name(text: &str) -> Result<[String; 2], Failure> {
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
        _ => Err(Failure::new(
            format!("{:?} is no name of a table", one_line(text)),
            "give --table as schema.name; a part with a dot in it stands in double quotes: '\"my.schema\".session'",
        )),
    }
}

/// A part of a table's name as --table takes it.
fn option_part(name: &str) -> String {
    if name.contains(['.', '"']) {
        connection::identifier(name)
    } else {
        name.to_owned()
    }
}

/// The zone that connections of the table's owner have in this database: what these stores' connections have, as
/// they set none themselves. What we are told of the server's own setting may be our own role's.
fn default_zone(client: &mut Client, schema: &str, table: &str) -> Result<String, postgres::Error> {
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

/// The table's oid and kind.
fn find(client: &mut Client, schema: &str, table: &str) -> Result<(u32, String), Failure> {
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
        .map_err(|error| reading(&error))?;
    let elsewhere: Vec<String> = rows
        .iter()
        .map(|(_, _, schema)| format!("{}.{}", option_part(schema), option_part(table)))
        .collect();
    rows.into_iter()
        .find(|(_, _, found)| found == schema)
        .map(|(oid, kind, _)| (oid, kind))
        .ok_or_else(|| {
            Failure::new(
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

fn columns(client: &mut Client, table: u32) -> Result<HashMap<String, Column>, postgres::Error> {
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

/// A row as a session, or why it is none.
fn session(
    row: &Row,
    is_record: bool,
    prefix: &str,
    place: &str,
) -> Result<Result<Incoming, &'static str>, postgres::Error> {
    let id: &[u8] = row.try_get(1)?;
    let data: Option<&[u8]> = row.try_get(2)?;
    let expires_at: Option<String> = row.try_get(3)?;
    let session = (|| {
        let id = std::str::from_utf8(id).map_err(|_| "the id is not UTF-8")?;
        let id = id.strip_prefix(prefix).unwrap_or(id);
        let data = data.ok_or("no data")?;
        let expires_at = expires_at.ok_or("no expiry")?;
        let (data, idle_timeout_seconds) = if is_record {
            (record(data)?, None)
        } else {
            json(data)?
        };
        Ok(Incoming {
            place: place.to_owned(),
            key: Sha256::digest(id.as_bytes()).to_vec(),
            data: Some(data),
            created_at: None,
            last_used_at: None,
            expires_at: Some(expires_at),
            absolute_expires_at: None,
            idle_timeout_seconds,
            user_id: None,
            client_address: None,
            user_agent: None,
            label: None,
        })
    })();
    Ok(session)
}

/// JSON as it stands, and the lifetime of its cookie.
fn json(data: &[u8]) -> Result<(String, Option<i32>), &'static str> {
    let text = std::str::from_utf8(data).map_err(|_| "the data is not UTF-8")?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| "the data is not JSON")?;
    let idle_timeout_seconds = serde_json::from_str::<Value>(text).ok().and_then(|data| {
        let cookie = data.get("cookie")?;
        let milliseconds = ["originalMaxAge", "maxAge"]
            .iter()
            .find_map(|name| cookie.get(name)?.as_i64())?;
        i32::try_from(milliseconds / 1000)
            .ok()
            .filter(|seconds| *seconds > 0)
    });
    Ok((text.to_owned(), idle_timeout_seconds))
}

/// The data of a tower-sessions `Record { id, data, expiry_date }`, which rmp-serde writes as an array of three.
fn record(data: &[u8]) -> Result<String, &'static str> {
    const NO_RECORD: &str = "the data is no MessagePack record of tower-sessions";
    let (_, data, _): (IgnoredAny, BTreeMap<String, Value>, IgnoredAny) =
        rmp_serde::from_slice(data).map_err(|_| NO_RECORD)?;
    serde_json::to_string(&data).map_err(|_| NO_RECORD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tables() {
        for (text, schema, name) in [
            ("session", "public", "session"),
            ("Web.Sessions", "Web", "Sessions"),
            (r#""a.b"."c""d""#, "a.b", "c\"d"),
        ] {
            assert!(
                table_name(text).is_ok_and(|parts| parts == [schema, name]),
                "{text}"
            );
        }
        for text in ["", ".", "a.", "a.b.c", "\"a", "a.\"\""] {
            assert!(table_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn json_stays_as_it_is() {
        for (text, idle) in [
            (
                r#"{"cookie":{"originalMaxAge":90000}, "a" : 1.0}"#,
                Some(90),
            ),
            (
                r#"{"cookie":{"originalMaxAge":null,"maxAge":5000}}"#,
                Some(5),
            ),
            (r#"{"cookie":{"originalMaxAge":10}}"#, None),
            (r#"{"cookie":null,"lone":"\ud800","nul":"\u0000"}"#, None),
            ("[]", None),
        ] {
            assert!(
                json(text.as_bytes()) == Ok((text.to_owned(), idle)),
                "{text}"
            );
        }
        assert!(json(&[b'"', 0xff, b'"']).is_err());
        assert!(json(b"{").is_err());
        // Deeper than serde_json would read into a value.
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        assert!(json(deep.as_bytes()).is_ok());
    }
}
