//! `session-admin configure`

mod report;
mod settings;
mod validate;

use std::fmt::Write;

use connect_pg::quote_identifier;
use postgres::Transaction;
use postgres::error::SqlState;

use self::report::Change;
use self::settings::{Setting, configure_failed, no_settings};
use self::validate::Assignment;
use crate::exit::ExitStatus;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::global_args::GlobalArgs;

const HELP: &str = "\
Without arguments, prints every setting of the store: its value, its meaning, its default and the values that it may have. \
NAME=VALUE sets one. Several are set together or not at all. An empty value clears a setting that may be empty.

Settings apply when a session is created or ended. Existing sessions keep their timeouts.

Rights: a superuser, or a member of the owner role (by default nodepg_owner).

Examples:
  session-admin configure
  session-admin configure idle_timeout_seconds=1800 absolute_timeout_seconds=43200
  session-admin configure max_sessions_per_user=5 notify_channel=web_ends
  session-admin configure notify_channel=                     # off again

--format json prints {\"dry_run\":…, \"changed\":[{\"name\":…, \"before\":…, \"after\":…}], \"settings\":[{\"name\":…, \"type\":…, \
\"value\":…, \"default\":…, \"allowed\":…, \"meaning\":…}, …]}.";

/// Show or change the settings of the store
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// A setting and its new value
    #[arg(value_name = "NAME=VALUE", value_parser = Assignment::parse)]
    settings: Vec<Assignment>,
    /// Check the values and print what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(global: &GlobalArgs, args: &Args) -> Result<ExitStatus, CliError> {
    let mut client = connection::open(global)?;
    let before = settings::read(&mut client, global)?;
    if args.settings.is_empty() {
        report::print_settings(global, &before)?;
        return Ok(ExitStatus::Yes);
    }

    let assigned = validate::validate(&before, &args.settings)?;
    let failed = |error: postgres::Error| configure_failed(&error, global);
    let mut transaction = client.transaction().map_err(failed)?;
    write(&mut transaction, global, &assigned)?;
    let after = settings::read(&mut transaction, global)?;
    if args.dry_run {
        transaction.rollback()
    } else {
        transaction.commit()
    }
    .map_err(failed)?;
    let changes: Vec<Change> = before
        .iter()
        .zip(&after)
        .filter(|(before, after)| before.value != after.value)
        .map(|(before, after)| Change {
            name: before.name.clone(),
            before: before.value.clone(),
            after: after.value.clone(),
        })
        .collect();
    report::print_changes(global, args.dry_run, &after, &changes)?;
    Ok(ExitStatus::Yes)
}

fn write(
    transaction: &mut Transaction<'_>,
    global: &GlobalArgs,
    assigned: &[(&Setting, Option<&str>)],
) -> Result<(), CliError> {
    let mut sql = format!("update {}.settings set", quote_identifier(&global.schema));
    let mut values: Vec<&(dyn postgres::types::ToSql + Sync)> = Vec::new();
    for (setting, value) in assigned {
        values.push(value);
        let _ = write!(
            sql,
            "{} {} = ${}::text::{}",
            if values.len() > 1 { "," } else { "" },
            quote_identifier(&setting.name),
            values.len(),
            setting.kind
        );
    }
    match transaction.execute(&sql, &values) {
        Ok(0) => Err(no_settings(global)),
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some(&SqlState::CHECK_VIOLATION) => {
            Err(validate::out_of_range(
                error
                    .as_db_error()
                    .and_then(|error| error.constraint())
                    .unwrap_or_default(),
                assigned,
            ))
        }
        Err(error) => Err(configure_failed(&error, global)),
    }
}
