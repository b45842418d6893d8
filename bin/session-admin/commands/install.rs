//! `session-admin install`

use std::fmt::Write;

use connect_pg::install::{Change, InstallReport, dry_run, install};
use serde_json::json;

use crate::cli::GlobalArgs;
use crate::exit::ExitStatus;
use crate::support::connection;
use crate::support::failure::{self, Failure};
use crate::support::output::{self, Format, one_line};

const HELP: &str = "\
Everything happens in one transaction: if anything fails, the database is as it was. Installing again repairs what \
was changed by hand and brings an older store up to date; sessions survive. What is right is left alone, and a \
second install reports nothing.

A database that connect-pg 1.1.5 for Node set up is upgraded in place: its sessions stay valid, their ids are hashed, and \
the helper and test functions of its installer go. What its users added to its table (columns, triggers, indexes, views on \
it) is named, and the upgrade refused; --drop-additions drops it. The role keeps its password: if that is still \
the one that connect-pg gave it, check says so.

The role is made without a password, so nobody can log in as it yet: session-admin rotate-password sets one.

Rights: a superuser, or a role with CREATEROLE that owns the database. A pooler that shares connections between \
transactions will not do; connect to the server itself.

Examples:
  sudo -u postgres session-admin install --database-url postgresql:///shop
  session-admin install --dry-run
  session-admin install --schema shop_web --role shop_app   # a second store in the same database

--format json prints {\"dry_run\":…, \"release\":1, \"changes\":[{\"change\":\"created\", \"kind\":\"table\", \"object\":\"session\", \
\"attribute\":null, \"before\":null, \"after\":null}, …]}.";

/// Create, repair or upgrade the store in a database
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// Print what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// When upgrading connect-pg 1.1.5 for Node: drop what was added to its table
    #[arg(long)]
    drop_additions: bool,
}

/// Who may install.
pub(crate) const RIGHTS: &str = "follow the hint above, if there is one; else connect as a superuser (on the server's own machine: sudo -u postgres session-admin …), or as a role with CREATEROLE \
     that owns the database; what an earlier superuser installed, only a superuser can change. Or have a DBA run what session-admin print-sql prints";

pub(crate) fn run(global: &GlobalArgs, arguments: &Args) -> Result<ExitStatus, Failure> {
    let mut client = connection::open(global)?;
    let options = global.options().drop_additions(arguments.drop_additions);
    let report = if arguments.dry_run {
        dry_run(&mut client, &options)
    } else {
        install(&mut client, &options)
    }
    .map_err(|error| failure::calling("install", &error, global, RIGHTS))?;

    match global.format {
        Format::Json => output::print_json(&json!({
            "dry_run": arguments.dry_run,
            "release": report.version,
            "changes": json_changes(&report.changes),
        }))?,
        Format::People => print_for_people(global, arguments, &report)?,
    }
    Ok(ExitStatus::Yes)
}

fn print_for_people(
    global: &GlobalArgs,
    arguments: &Args,
    report: &InstallReport,
) -> Result<(), Failure> {
    let lines: String = report
        .changes
        .iter()
        .map(|change| {
            let line = line(change);
            if arguments.dry_run {
                format!("would be {line}\n")
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    output::print(&lines)?;

    let release = report.version;
    match (report.changes.len(), arguments.dry_run) {
        (0, _) => output::remark(&format!(
            "Nothing to change: the store is as release {release} makes it."
        )),
        (count, true) => output::remark(&format!(
            "{count} changes would bring it to release {release}. Nothing was changed."
        )),
        (count, false) => output::remark(&format!(
            "{count} changes: the store is as release {release} makes it."
        )),
    }
    let new_role = report.changes.iter().any(|change| {
        change.action == "created" && change.kind == "role" && change.object == global.role
    });
    if new_role && !arguments.dry_run {
        output::remark(&format!(
            "The role {} has no password yet, so nobody logs in as it. Set one: session-admin rotate-password --output FILE",
            one_line(&global.role)
        ));
    }
    Ok(())
}

/// One change on one line.
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

/// The value of an attribute for people.
pub(crate) fn value(value: Option<&str>) -> String {
    match value {
        None => "nothing".into(),
        Some("") => "empty".into(),
        Some(value) => one_line(value),
    }
}

/// The changes as JSON.
pub(crate) fn json_changes(changes: &[Change]) -> serde_json::Value {
    changes
        .iter()
        .map(|change| {
            json!({
                "action": change.action,
                "kind": change.kind,
                "object": change.object,
                "attribute": change.attribute,
                "before": change.before,
                "after": change.after,
            })
        })
        .collect()
}
