//! `session-admin export`

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use connect_pg::SessionRecord;
use postgres::Client;
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
Writes each live session as one line of JSON, in the order of the keys: key (sha256 of the session id, in hex), \
data (text, as the application stored it), user_id, client_address, user_agent, label, idle_timeout_seconds. Times are in \
RFC 3339 and UTC: created_at, last_used_at, expires_at, absolute_expires_at. session-admin import --from jsonl reads them on another server, where the users \
stay logged in. The output has no session ids and none can be computed from it. It has the data, so keep it private.

--output FILE is written with mode 0600 and appears under its name when it is complete. A session that is live during the whole \
export is in it; one that is created or ended meanwhile may be missing.

Rights: a superuser, or a member of the owner role (by default nodepg_owner). \
An installer that is no superuser becomes one by: grant nodepg_owner to current_user.

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

/// Sessions in a page, which lies in memory.
const PAGE_SIZE: u32 = 100;

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
            file.sync().map_err(CliError::from)?;
            file.put_in_place()
                .map_err(|error| CliError::from(file.cannot_write(&error)))?;
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
    match (global.format(), &args.output) {
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
    let failed = |error| call_failed("export", &error, global, Rights::OwnerRole);
    let store = connection::store(client, global).map_err(failed)?;
    let progress = progress("exporting");
    let mut exported = 0;
    let mut last = None;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(PageError::Failed(CliError::new(
                "interrupted before all sessions were exported",
                "run it again",
            )));
        }
        let page = store.export_page(last, PAGE_SIZE).map_err(failed)?;
        for record in &page {
            writeln!(out, "{}", line(record)).map_err(|error| cannot_write(&error))?;
            exported += 1;
        }
        progress.set_message(format!("{} exported", grouped(exported)));
        progress.tick();
        if page.len() < PAGE_SIZE as usize {
            progress.finish_and_clear();
            return Ok(exported);
        }
        last = page.last().map(|record| record.key);
    }
}

fn line(record: &SessionRecord) -> serde_json::Value {
    json!({
        "key": hex(&record.key),
        "data": record.data,
        "created_at": record.created_at,
        "last_used_at": record.last_used_at,
        "expires_at": record.expires_at,
        "absolute_expires_at": record.absolute_expires_at,
        "idle_timeout_seconds": record.idle_timeout_seconds,
        "user_id": record.user_id,
        "client_address": record.client_address,
        "user_agent": record.user_agent,
        "label": record.label,
    })
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
