//! `session-admin export`

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Row, Statement};
use serde_json::json;

use crate::cli::GlobalArgs;
use crate::commands::prune::{progress, stop_on_interrupt};
use crate::exit::ExitStatus;
use crate::support::connection;
use crate::support::failure::{self, Failure};
use crate::support::output::{self, Format, grouped};
use crate::support::private_file::PrivateFile;

const HELP: &str = "\
Writes every live session as one line of JSON, in the order of the keys: key (sha256 of the session id, in hex), data (a \
text, as the application stored it), created_at, last_used_at, expires_at, absolute_expires_at (RFC 3339 in UTC), idle_timeout_seconds, \
user_id, client_address, user_agent, label. session-admin import --from jsonl reads them on another server, and nobody is \
logged out. No session id is in it, nor could one be computed from it; the data are, so keep the file private.

--output FILE is written with mode 0600, and takes its name when it is complete. A session that is created or ended \
while this runs is in it or not; one that lives all the time is, as it was at some moment.

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

const RIGHTS: &str = "connect as a superuser (on the server's own machine: sudo -u postgres session-admin …), or as a member of the store's \
     owner role: grant nodepg_owner to …";

/// Sessions in a page.
const PAGE: i32 = 1000;

/// Why the writing stopped.
enum Stopped {
    Failed(Failure),
    /// Whoever read standard output has had enough.
    Closed,
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

pub(crate) fn run(global: &GlobalArgs, arguments: &Args) -> Result<ExitStatus, Failure> {
    let mut client = connection::open(global)?;
    let exported = if let Some(path) = &arguments.output {
        let mut file = PrivateFile::new(path)?;
        write_all(&mut client, global, &mut file).and_then(|exported| {
            file.put_in_place()
                .map(|()| exported)
                .map_err(Stopped::from)
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
        Err(Stopped::Failed(failure)) => return Err(failure),
        Err(Stopped::Closed) => return Ok(ExitStatus::Yes),
    };
    match (global.format, &arguments.output) {
        (Format::Json, Some(path)) => {
            output::print_json(&json!({"exported": exported, "output": path.to_string_lossy()}))?;
        }
        (Format::Json, None) => {
            output::remark(&json!({"exported": exported, "output": null}).to_string());
        }
        (Format::People, _) => output::remark(&format!(
            "{} {} exported.",
            grouped(exported),
            if exported == 1 { "session" } else { "sessions" }
        )),
    }
    Ok(ExitStatus::Yes)
}

fn write_all(
    client: &mut Client,
    global: &GlobalArgs,
    out: &mut impl Write,
) -> Result<i64, Stopped> {
    let stop = stop_on_interrupt();
    let failed = |error: postgres::Error| failure::calling("export", &error, global, RIGHTS);
    let time = |column: &str| {
        // Beyond the calendar of RFC 3339 there is nothing that a session needs.
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
        connection::identifier(&global.schema)
    );
    let statement = client.prepare(&sql).map_err(failed)?;
    let progress = progress("exporting");
    let mut exported = 0;
    let mut last: Option<Vec<u8>> = None;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(Stopped::Failed(Failure::new(
                "interrupted before all sessions were exported",
                "run it again",
            )));
        }
        let count = write_page(client, &statement, &mut last, out, &failed)?;
        exported += count;
        progress.set_message(format!("{} exported", grouped(exported)));
        progress.tick();
        if count < i64::from(PAGE) {
            progress.finish_and_clear();
            return Ok(exported);
        }
    }
}

/// Row by row: a page of large sessions need not fit into memory.
fn write_page(
    client: &mut Client,
    statement: &Statement,
    last: &mut Option<Vec<u8>>,
    out: &mut impl Write,
    failed: &impl Fn(postgres::Error) -> Failure,
) -> Result<i64, Stopped> {
    let after = last.take();
    let parameters: [&(dyn postgres::types::ToSql + Sync); 2] = [&after, &PAGE];
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

fn cannot_write(error: &io::Error) -> Stopped {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Stopped::Closed;
    }
    Stopped::Failed(Failure::new(
        format!("cannot write the sessions: {error}"),
        "look at where they go: a full disk, a closed terminal",
    ))
}
