//! `session-admin export`

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use connect_pg::quote_identifier;
use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Row, Statement};
use serde_json::json;

use crate::exit::ExitStatus;
use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::global_args::{Format, GlobalArgs};
use crate::support::interrupt::stop_on_interrupt;
use crate::support::output;
use crate::support::private_file::PrivateFile;
use crate::support::progress::progress;
use crate::support::rights::Rights;
use crate::support::text::{counted, grouped};

const HELP: &str = "\
Writes each live session as one line of JSON, in the order of the keys: key (sha256 of the session id, in hex), data (text, \
as the application stored it), created_at, last_used_at, expires_at, absolute_expires_at (RFC 3339 in UTC), idle_timeout_seconds, \
user_id, client_address, user_agent, label. session-admin import --from jsonl reads them on another server, where the users \
stay logged in. The output has no session ids and none can be computed from it. It has the data, so keep it private.

--output FILE is written with mode 0600 and appears under its name when it is complete. A session that is live during the whole \
export is in it; one that is created or ended meanwhile may be missing.

Rights: a superuser, or a member of the owner role (by default nodepg_owner).

Examples:
  session-admin export --output sessions.jsonl
  session-admin export | ssh new-server session-admin import --from jsonl

--format json prints {\"exported\":…, \"output\":…}; without --output on standard error, beside the sessions.";

/// Write the live sessions as lines of JSON
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// Write to this file, with mode 0600 [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Sessions in a page.
const PAGE_SIZE: i32 = 1000;

/// Why a page was not written.
enum PageError {
    Failed(CliError),
    /// The reader closed standard output, which is no failure.
    Closed,
}

impl From<CliError> for PageError {
    fn from(failure: CliError) -> Self {
        Self::Failed(failure)
    }
}

pub(crate) fn run(global: &GlobalArgs, args: &Args) -> Result<ExitStatus, CliError> {
    let mut client = connection::open(global)?;
    let exported = if let Some(path) = &args.output {
        let mut file = PrivateFile::create(path)?;
        write_all(&mut client, global, &mut file).and_then(|exported| {
            file.sync()?;
            file.put_in_place()
                .map_err(|error| file.cannot_write(&error))?;
            Ok(exported)
        })
    } else {
        let mut out = BufWriter::new(io::stdout().lock());
        write_all(&mut client, global, &mut out).and_then(|exported| {
            out.flush()
                .map(|()| exported)
                .map_err(|error| cannot_write(&error))
        })
    };
    let exported = match exported {
        Ok(exported) => exported,
        Err(PageError::Failed(failure)) => return Err(failure),
        Err(PageError::Closed) => return Ok(ExitStatus::Yes),
    };
    match (global.format, &args.output) {
        (Format::Json, Some(path)) => {
            output::print_json(&json!({"exported": exported, "output": path.to_string_lossy()}))?;
        }
        (Format::Json, None) => {
            output::remark(&json!({"exported": exported, "output": null}).to_string());
        }
        (Format::Text, _) => output::remark(&format!(
            "Exported {}.",
            counted(exported, "session", "sessions")
        )),
    }
    Ok(ExitStatus::Yes)
}

fn write_all(
    client: &mut Client,
    global: &GlobalArgs,
    out: &mut impl Write,
) -> Result<i64, PageError> {
    let stop = stop_on_interrupt();
    let failed = |error: postgres::Error| call_failed("export", &error, global, Rights::OwnerRole);
    let time = |column: &str| {
        // RFC 3339 has no other years.
        format!(
            r#"case when e.{column} between '0001-01-01 UTC' and '9999-12-31 UTC'
                then pg_catalog.to_char(e.{column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end"#
        )
    };
    let sql = format!(
        "select e.key, e.data, {}, {}, {}, {}, e.idle_timeout_seconds, e.user_id, pg_catalog.abbrev(e.client_address), e.user_agent, e.label
        from {}.export_sessions($1, $2) as e",
        time("created_at"),
        time("last_used_at"),
        time("expires_at"),
        time("absolute_expires_at"),
        quote_identifier(&global.schema)
    );
    let statement = client.prepare(&sql).map_err(failed)?;
    let progress = progress("exporting");
    let mut exported = 0;
    let mut last: Option<Vec<u8>> = None;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(PageError::Failed(CliError::new(
                "interrupted before all sessions were exported",
                "run it again",
            )));
        }
        let count = write_page(client, &statement, &mut last, out, &failed)?;
        exported += count;
        progress.set_message(format!("{} exported", grouped(exported)));
        progress.tick();
        if count < i64::from(PAGE_SIZE) {
            progress.finish_and_clear();
            return Ok(exported);
        }
    }
}

/// Writes row by row, because a page of large sessions may not fit into memory.
fn write_page(
    client: &mut Client,
    statement: &Statement,
    last: &mut Option<Vec<u8>>,
    out: &mut impl Write,
    failed: &impl Fn(postgres::Error) -> CliError,
) -> Result<i64, PageError> {
    let after = last.take();
    let parameters: [&(dyn postgres::types::ToSql + Sync); 2] = [&after, &PAGE_SIZE];
    let mut rows = client.query_raw(statement, parameters).map_err(failed)?;
    let mut count = 0;
    while let Some(row) = rows.next().map_err(failed)? {
        let (key, line) = line(&row).map_err(failed)?;
        writeln!(out, "{line}").map_err(|error| cannot_write(&error))?;
        *last = Some(key);
        count += 1;
    }
    Ok(count)
}

fn line(row: &Row) -> Result<(Vec<u8>, serde_json::Value), postgres::Error> {
    let text = |column| row.try_get::<_, Option<String>>(column);
    let key: Vec<u8> = row.try_get(0)?;
    let line = json!({
        "key": hex(&key),
        "data": text(1)?,
        "created_at": text(2)?,
        "last_used_at": text(3)?,
        "expires_at": text(4)?,
        "absolute_expires_at": text(5)?,
        "idle_timeout_seconds": row.try_get::<_, Option<i32>>(6)?,
        "user_id": text(7)?,
        "client_address": text(8)?,
        "user_agent": text(9)?,
        "label": text(10)?,
    });
    Ok((key, line))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;

    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn cannot_write(error: &io::Error) -> PageError {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return PageError::Closed;
    }
    PageError::Failed(CliError::new(
        format!("cannot write the sessions: {error}"),
        "check where they go: a full disk, a closed terminal",
    ))
}
