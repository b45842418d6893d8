//! `session-admin install`

mod schedule;

use std::fmt::Write;

use connect_pg::install::{Change, InstallReport, dry_run, install};
use postgres::Client;
use serde_json::json;

use self::schedule::{Jobs, ScheduleArgs};
use crate::exit::ExitStatus;
use crate::support::call_error::{call_failed, names_refused};
use crate::support::change_list::{json_changes, value};
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::durability::{self, DurabilityName};
use crate::support::global_args::{Format, GlobalArgs};
use crate::support::output;
use crate::support::prune_job::Mode;
use crate::support::rights::Rights;
use crate::support::role_settings::{self, SettingClass, StoredSetting};
use crate::support::text::{counted, one_line};

const HELP: &str = "\
Runs in one transaction: after a failure the database is as before. A missing index of a table with rows is built after \
the transaction, concurrently with requests. A second install repairs manual changes and \
upgrades an older release. Sessions survive. If nothing differs, nothing is changed.

Upgrades a store of connect-pg 1.1.5 for Node in place. Its sessions stay valid, their ids are hashed, and the \
helper and test functions of its installer are dropped. If its table has additions (columns, triggers, indexes, dependent \
views), install names them and fails. --drop-additions drops them. The role keeps its password; check warns if that is \
still the default one.

Resets every setting of the two roles but these, which are an operator's: timeouts of 100 ms or more, \
log_min_duration_statement, application_name, timezone and work_mem.

--durability says what a crash of the server may lose. No ended session comes back after a crash, whatever it is:
  full       nothing; a change is on disk when its call returns. A new store is full
  relaxed    the saves and new sessions of the last moments: at most three times wal_writer_delay, 0.6 seconds by default. \
The role gets synchronous_commit = off in this database, also for what else it does there. Ends, logins and rotations wait for the disk
  unlogged   all sessions, and so does every failover and every restore of a physical backup: the table is unlogged
A switch to unlogged or back writes the table anew, and requests wait until that is done. \
Open connections keep the old setting until they reconnect. Without the option a store keeps its durability.

--schedule lets the extension pg_cron prune, every five minutes or by the five fields of a cron expression. The job runs as the \
runtime role, in the database of the store. It prunes in small batches, 20 seconds at most. The jobs are in the database that \
cron.database_name names; install connects to it with the same credentials. A superuser makes the job. Another user needs \
USAGE on the schema cron with grant option. Without the option an install keeps and repairs the job that there is. \
--no-schedule removes it.

The role is created without a password and cannot log in. Set one with session-admin rotate-password.

Rights: a superuser, or a role with CREATEROLE that owns the database. Connect to the server itself, not through a pooler \
that shares connections between transactions.

Examples:
  sudo -u postgres session-admin install --database-url postgresql:///shop
  session-admin install --dry-run
  session-admin install --durability relaxed
  session-admin install --schedule                          # pg_cron prunes every five minutes
  session-admin install --schedule '17 * * * *'             # at minute 17 of each hour
  session-admin install --schema shop_web --role shop_app   # a second store in the same database

--format json prints {\"dry_run\":…, \"release\":1, \"changes\":[{\"action\":\"created\", \"kind\":\"table\", \"object\":\"session\", \
\"attribute\":null, \"before\":null, \"after\":null}, …]}.";

/// Create, repair or upgrade the store in a database
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// Print what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// What a crash of the server may lose [default: as it is; a new store is full]
    #[arg(long, value_enum, value_name = "DURABILITY")]
    durability: Option<DurabilityName>,
    #[command(flatten)]
    schedule: ScheduleArgs,
    /// When upgrading connect-pg 1.1.5 for Node: drop the additions to its table
    #[arg(long)]
    drop_additions: bool,
    /// With --dry-run on connect-pg 1.1.5 for Node: run the upgrade and roll it back. Requests wait meanwhile
    #[arg(long, requires = "dry_run")]
    rehearse_upgrade: bool,
}

pub(crate) fn run(global: &GlobalArgs, args: &Args) -> Result<ExitStatus, CliError> {
    let mut client = connection::open(global)?;
    let options = global
        .install_options()
        .map_err(|error| names_refused(&error))?
        .drop_additions(args.drop_additions)
        .rehearse_upgrade(args.rehearse_upgrade)
        .on_wait(|text| output::remark(&one_line(text)));
    let options = match args.durability {
        Some(name) => options.durability(name.into()),
        None => options,
    };
    let mut jobs = Jobs::prepare(&mut client, global, &args.schedule)?;
    let options = jobs.record(options)?;
    durability::warn_of_rewrite(&mut client, global, args.durability);
    let mode = if args.dry_run {
        Mode::Plan
    } else {
        Mode::Apply
    };
    let mut removed = jobs.remove(global, mode)?;
    let mut report = if args.dry_run {
        dry_run(&mut client, &options)
    } else {
        install(&mut client, &options)
    }
    .map_err(|error| call_failed("install", &error, global, Rights::Install))?;
    report.changes.append(&mut removed);
    // The runtime role exists now.
    report.changes.extend(jobs.make(global, mode)?);

    match global.format() {
        Format::Json => output::print_json(&json!({
            "dry_run": args.dry_run,
            "release": report.version,
            "changes": json_changes(&report.changes),
        }))?,
        Format::Text => {
            print_text(global, args, &report)?;
            if !args.dry_run {
                print_kept_settings(&mut client, global);
                durability::print_switch(global, args.durability, &report);
            }
        }
    }
    Ok(ExitStatus::Yes)
}

fn print_text(global: &GlobalArgs, args: &Args, report: &InstallReport) -> Result<(), CliError> {
    let prefix = if args.dry_run { "would be " } else { "" };
    let mut lines = String::new();
    for change in &report.changes {
        let _ = writeln!(lines, "{prefix}{}", line(change));
    }
    output::print(&lines)?;

    let release = report.version;
    let count = i64::try_from(report.changes.len()).unwrap_or(i64::MAX);
    let changes = counted(count, "change", "changes");
    output::remark(&match (count, args.dry_run) {
        (0, _) => format!("Already up to date (release {release})."),
        (_, true) => format!("Would install release {release} ({changes}). Nothing was changed."),
        (_, false) => format!("Installed release {release} ({changes})."),
    });
    let is_role_new = report.changes.iter().any(|change| {
        change.action == "created" && change.kind == "role" && change.object == global.role
    });
    if is_role_new && !args.dry_run {
        output::remark(&format!(
            "Role {} has no password and cannot log in. Set one: session-admin rotate-password --output FILE",
            one_line(&global.role)
        ));
    }
    Ok(())
}

/// Names the settings of the role that stay. The install is done by now, so a failure to read them is no failure.
fn print_kept_settings(client: &mut Client, global: &GlobalArgs) {
    let kept: Vec<String> = role_settings::read(client, &global.role)
        .unwrap_or_default()
        .iter()
        .filter(|setting| setting.role.as_deref() == Some(&global.role))
        .filter(|setting| setting.class() != SettingClass::Installed)
        .map(StoredSetting::assignment)
        .collect();
    if !kept.is_empty() {
        output::remark(&format!(
            "Role {} keeps its settings {}.",
            one_line(&global.role),
            one_line(&kept.join(", "))
        ));
    }
}

/// Returns one change on one line.
fn line(change: &Change) -> String {
    let mut line = format!(
        "{} {} {}",
        change.action,
        one_line(&change.kind),
        one_line(&change.object)
    );
    if let Some(attribute) = &change.attribute {
        let _ = write!(
            line,
            ": {} was {}, is {}",
            one_line(attribute),
            value(change.before.as_deref()),
            value(change.after.as_deref())
        );
    }
    line
}
