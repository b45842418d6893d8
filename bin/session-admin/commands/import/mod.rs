//! `session-admin import`

mod importer;
mod lines;
mod table;

use std::fmt::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;

use crate::cli::GlobalArgs;
use crate::commands::prune::{progress, stop_on_interrupt};
use crate::exit::ExitStatus;
use crate::support::connection;
use crate::support::failure::Failure;
use crate::support::output::{self, Format, Paint, grouped, one_line};
use importer::{ImportSummary, Importer};

const HELP: &str = "\
Session ids are hashed on the way (sha256 of the id as UTF-8), so none is written to the store. Live sessions keep their \
expiry; none lives longer than the absolute timeout of the store from now on. A session that is here already is left as \
it is, and one that was ended here stays ended: so an import can be interrupted (Ctrl-C stops after the batch) and \
repeated, for instance once before and once after the application is switched over. The source is only read, in pages in \
the order of the ids.

A row that cannot be read is counted, named with the reason and skipped. Exit status 1 if there were any, or if the \
import was interrupted.

Where the sessions are, unless --table and the --…-column options say otherwise, and how the application finds them:

  connect-pg-simple              public.session (sid, sess, expire). The store of express-session passes on the bare id: what \
stands in the cookie between \"s:\" and the last dot. The data is what it was: {\"cookie\":{…}, …}.
  express-pg-session             as connect-pg-simple.
  koa-pg-session                 public.session (id, session, expiry). koa-generic-session puts its prefix, by default \
\"koa:sess:\", before the id of the cookie when it calls a store, and so do the ids in the table: the application finds a \
session by prefix and id, or with --strip-prefix koa:sess: by the cookie's value alone.
  koa-generic-session-sequelize  public.\"Sessions\" (id, data, expires). As koa-pg-session.
  tower-sessions-sqlx-store      tower_sessions.session (id, data, expiry_date). The id is the value of the cookie, 22 \
characters. The data becomes the JSON object of the session's values: {\"key\":value, …}.
  jsonl                          FILE, or standard input: what session-admin export writes.

In SQL the application finds a session by its id with web.load_session(sha256(convert_to(ID, 'UTF8'))), or with \
web.get_session_data(ID).

Expiries of type timestamp, without a time zone (connect-pg-simple, express-pg-session and koa-pg-session make such columns), \
are local times of the zone that the store's connections had: PostgreSQL converts the epoch seconds that these stores send. \
By default that is taken from what is set for the owner of the table and the database (alter role, alter database … set \
timezone), else from the server; if the store connected otherwise, say so with --expiry-time-zone. Numbers are \
seconds since the epoch (koa-generic-session-sequelize). Rows without an expiry are not live for these stores, and count as unreadable.

Each page is asked for by the last id of the one before. A superuser's connection asks the server to log no parameters; as \
anybody else, see that the source's server does not log statements with their parameters.

The idle timeout of a session is its cookie's originalMaxAge or maxAge, where the data has one; else the time it has left.

Rights: to read the source's table; here a superuser, or a member of the owner role (by default nodepg_owner).

Examples:
  session-admin import --from connect-pg-simple --dry-run
  session-admin import --from koa-pg-session --source-url postgresql://old-server/shop --expiry-time-zone Europe/Zurich
  session-admin import --from express-pg-session --table accounts.user_sessions --expiry-column expires_at
  ssh old-server session-admin export | session-admin import --from jsonl

--format json prints {\"outcome\":\"done\"|\"interrupted\", \"dry_run\":…, \"imported\":…, \"existing\":…, \"expired\":…, \"unreadable\":…, \
\"reasons\":{reason: number}, \"places\":[{\"place\":…, \"reason\":…}] (the first 100), \"expiry_time_zone\":…}.";

/// Bring sessions in from another store or another server
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// What wrote the sessions
    #[arg(long, value_enum, value_name = "STORE")]
    from: SourceStore,
    /// With jsonl: the file to read, or - for standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Another server or database to read from: a URL, or keyword=value pairs [default: the one to import into]
    #[arg(
        long,
        env = "SOURCE_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    source_url: Option<String>,
    /// The table of the sessions, as schema.name; a part with a dot in it is put in double quotes
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// The column of the session ids
    #[arg(long, value_name = "NAME")]
    id_column: Option<String>,
    /// The column of the data
    #[arg(long, value_name = "NAME")]
    data_column: Option<String>,
    /// The column of the expiries
    #[arg(long, value_name = "NAME")]
    expiry_column: Option<String>,
    /// The time zone of expiries that have none, as Europe/Zurich [default: see below]
    #[arg(long, value_name = "ZONE")]
    expiry_time_zone: Option<String>,
    /// Leave this away at the beginning of ids
    #[arg(long, value_name = "PREFIX")]
    strip_prefix: Option<String>,
    /// At most this many sessions in a transaction
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,
    /// Say what would be imported, and import nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SourceStore {
    ConnectPgSimple,
    ExpressPgSession,
    KoaPgSession,
    KoaGenericSessionSequelize,
    TowerSessionsSqlxStore,
    Jsonl,
}

/// How the reading ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    Interrupted,
}

pub(crate) fn run(global: &GlobalArgs, arguments: &Args) -> Result<ExitStatus, Failure> {
    refuse_misfits(arguments)?;
    let stop = stop_on_interrupt();
    let mut client = connection::open(global)?;
    let progress = progress("importing");
    let mut target = Importer::new(
        &mut client,
        global,
        usize::from(arguments.batch),
        arguments.dry_run,
        &progress,
    )?;
    let (end, zone) = if arguments.from == SourceStore::Jsonl {
        let end = lines::read(arguments.file.as_deref(), &mut target, &stop)?;
        (end, None)
    } else {
        table::read(global, arguments, &mut target, &stop)?
    };
    let tally = target.finish();
    progress.finish_and_clear();
    report(global, arguments, &tally, end, zone.as_deref())
}

fn refuse_misfits(arguments: &Args) -> Result<(), Failure> {
    if arguments.from == SourceStore::Jsonl {
        let misfit = [
            ("--source-url", arguments.source_url.is_some()),
            ("--table", arguments.table.is_some()),
            ("--id-column", arguments.id_column.is_some()),
            ("--data-column", arguments.data_column.is_some()),
            ("--expiry-column", arguments.expiry_column.is_some()),
            ("--expiry-time-zone", arguments.expiry_time_zone.is_some()),
            ("--strip-prefix", arguments.strip_prefix.is_some()),
        ]
        .into_iter()
        // SourceStore the environment it may be meant for another import.
        .find(|(name, given)| *given && *name != "--source-url");
        if let Some((name, _)) = misfit {
            return Err(Failure::new(
                format!("{name} is for tables, and --from jsonl reads a file"),
                format!("leave {name} away"),
            ));
        }
    } else if arguments.file.is_some() {
        return Err(Failure::new(
            "a FILE is for --from jsonl; the other stores are tables",
            "name the table with --table, and its database with --source-url",
        ));
    }
    Ok(())
}

/// For people, at most so many places.
const SHOWN: usize = 20;

fn report(
    global: &GlobalArgs,
    arguments: &Args,
    tally: &ImportSummary,
    end: End,
    zone: Option<&str>,
) -> Result<ExitStatus, Failure> {
    let unreadable: i64 = tally.reasons.values().sum();
    match global.format {
        Format::Json => output::print_json(&json!({
            "outcome": if end == End::Done { "done" } else { "interrupted" },
            "dry_run": arguments.dry_run,
            "imported": tally.imported,
            "existing": tally.existing,
            "expired": tally.expired,
            "unreadable": unreadable,
            "reasons": tally.reasons,
            "places": tally.places.iter().map(|(place, reason)| json!({"place": place, "reason": reason})).collect::<serde_json::Value>(),
            "expiry_time_zone": zone,
        }))?,
        Format::People => {
            let paint = Paint::new(&std::io::stderr());
            for (place, reason) in tally.places.iter().take(SHOWN) {
                output::remark(&format!(
                    "{} {}: {}",
                    paint.doubtful("unreadable"),
                    one_line(place),
                    one_line(reason)
                ));
            }
            if tally.places.len() > SHOWN {
                output::remark("… and more; --format json names up to 100");
            }
            let mut text = format!(
                "{}{} imported, {} here already, {} expired, {} unreadable",
                if arguments.dry_run { "would be: " } else { "" },
                grouped(tally.imported),
                grouped(tally.existing),
                grouped(tally.expired),
                grouped(unreadable)
            );
            for (at, (reason, count)) in tally.reasons.iter().enumerate() {
                let _ = write!(
                    text,
                    "{}{reason}: {}",
                    if at == 0 { " (" } else { "; " },
                    grouped(*count)
                );
            }
            if !tally.reasons.is_empty() {
                text.push(')');
            }
            output::print(&format!("{text}\n"))?;
            if let Some(zone) = zone {
                output::remark(&format!(
                    "The expiries have no time zone; they were read as of {}.",
                    one_line(zone)
                ));
            }
            if end == End::Interrupted {
                output::remark("Interrupted: run it again for the rest.");
            }
            if arguments.dry_run {
                output::remark("Nothing was changed.");
            }
        }
    }
    Ok(if unreadable == 0 && end == End::Done {
        ExitStatus::Yes
    } else {
        ExitStatus::No
    })
}
