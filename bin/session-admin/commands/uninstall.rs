//! `session-admin uninstall`

use std::fmt::Write;

use connect_pg::install::{Change, Roles, plan_uninstall, uninstall};
use postgres::Client;
use serde_json::json;

use crate::exit::ExitStatus;
use crate::support::call_error::{call_failed, names_refused};
use crate::support::change_list::json_changes;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::global_args::{Format, GlobalArgs};
use crate::support::output;
use crate::support::pg_cron::{self, PgCron, Unusable};
use crate::support::prune_job::{Mode, recorded_schedule, synchronize};
use crate::support::rights::Rights;
use crate::support::text::{counted, one_line};

const HELP: &str = "\
Prints what it would drop, and exits with status 1. With --yes it drops that in one transaction, and every session with it. \
With the last store of the database it drops correct_web() and the history of releases. The job of pg_cron that prunes goes too. \
Stop the application first.

A view, a foreign key, or another object in the schema makes it fail, and nothing is dropped. \
Indexes, triggers and columns that were added to its tables go with them. \
The two roles stay, without what install gave them in this database. --drop-roles drops them. That fails if a role is used in \
another database.

Rights: a superuser, or the role that installed the store.

Examples:
  session-admin uninstall
  session-admin export --output sessions.jsonl && session-admin uninstall --yes --drop-roles

--format json prints {\"done\":…, \"changes\":[as install's changes]}.";

/// Drop the store and all its sessions
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// Confirm that the store and all its sessions are dropped
    #[arg(long)]
    yes: bool,
    /// Drop the runtime role and the owner role too
    #[arg(long)]
    drop_roles: bool,
}

pub(crate) fn run(global: &GlobalArgs, args: &Args) -> Result<ExitStatus, CliError> {
    let mut client = connection::open(global)?;
    let options = global
        .install_options()
        .map_err(|error| names_refused(&error))?
        .on_wait(|text| output::remark(&one_line(text)));
    let roles = if args.drop_roles {
        Roles::Drop
    } else {
        Roles::Keep
    };
    let mut job = ScheduledJob::find(&mut client, global)?;
    // The job goes first: it runs as the runtime role, which may be dropped.
    let mut removed = job.remove(global, args)?;
    let changes = if args.yes {
        uninstall(&mut client, &options, roles)
    } else {
        plan_uninstall(&mut client, &options, roles)
    };
    if changes.is_err() && args.yes {
        job.restore(global)?;
    }
    let changes = match changes {
        Ok(mut changes) => {
            removed.append(&mut changes);
            removed
        }
        Err(error) if error.is_not_installed() => {
            return Err(CliError::new(
                format!(
                    "there is no store in schema {:?} with role {:?} in this database; nothing was dropped",
                    global.schema, global.role
                ),
                "name the store with --schema, --role and --database-url; if session-admin check reports drift, run session-admin install first",
            ));
        }
        Err(error) => return Err(call_failed("uninstall", &error, global, Rights::Install)),
    };
    match global.format() {
        Format::Json => output::print_json(&json!({
            "done": args.yes,
            "changes": json_changes(&changes),
        }))?,
        Format::Text => print_text(args, &changes)?,
    }
    Ok(ExitStatus::of(args.yes))
}

/// The job of `pg_cron` that prunes the store.
struct ScheduledJob(Option<(PgCron, String)>);

impl ScheduledJob {
    /// Finds it. Without `pg_cron` there is none.
    fn find(client: &mut Client, global: &GlobalArgs) -> Result<Self, CliError> {
        let Some(schedule) = recorded_schedule(client, &global.schema) else {
            return Ok(Self(None));
        };
        match pg_cron::open(client, global) {
            Ok(cron) => Ok(Self(Some((cron, schedule)))),
            Err(Unusable::Absent(_)) => Ok(Self(None)),
            Err(unusable) => Err(unusable.into_error()),
        }
    }

    fn remove(&mut self, global: &GlobalArgs, args: &Args) -> Result<Vec<Change>, CliError> {
        let mode = if args.yes { Mode::Apply } else { Mode::Plan };
        match &mut self.0 {
            Some((cron, _)) => synchronize(cron, global, None, mode),
            None => Ok(Vec::new()),
        }
    }

    /// Makes it again, because the store stays.
    fn restore(&mut self, global: &GlobalArgs) -> Result<(), CliError> {
        if let Some((cron, schedule)) = &mut self.0 {
            synchronize(cron, global, Some(schedule), Mode::Apply)?;
        }
        Ok(())
    }
}

fn print_text(args: &Args, changes: &[Change]) -> Result<(), CliError> {
    let prefix = if args.yes { "" } else { "would be " };
    let mut lines = String::new();
    for change in changes {
        let (kind, object) = (one_line(&change.kind), one_line(&change.object));
        let _ = writeln!(lines, "{prefix}removed {kind} {object}");
    }
    output::print(&lines)?;
    let count = i64::try_from(changes.len()).unwrap_or(i64::MAX);
    output::remark(&if args.yes {
        format!("Uninstalled ({}).", counted(count, "change", "changes"))
    } else {
        "Nothing was dropped. All sessions would be lost. Confirm with --yes.".to_owned()
    });
    Ok(())
}
