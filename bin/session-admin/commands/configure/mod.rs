//! `session-admin configure`

mod report;
mod settings;
mod validate;

use std::error::Error;

use connect_pg::Lent;

use self::settings::Setting;
use self::validate::Assignment;
use crate::exit::ExitStatus;
use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::global_args::GlobalArgs;
use crate::support::rights::Rights;

const HELP: &str = "\
Without arguments, prints every setting of the store: its value, its meaning, its default and the values that it may have. \
NAME=VALUE sets one. Several are set together or not at all. An empty value clears a setting that may be empty.

Settings apply when a session is created or ended. Existing sessions keep their timeouts.

Rights: a superuser, or a member of the owner role (by default nodepg_owner). \
An installer that is no superuser becomes one by: grant nodepg_owner to current_user.

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
    let failed = |error: &(dyn Error + 'static)| {
        call_failed("configure the store", error, global, Rights::OwnerRole)
    };
    let mut client = connection::open(global)?;
    let before = read(&mut client, global).map_err(|error| failed(&error))?;
    if args.settings.is_empty() {
        report::print_settings(global, &before)?;
        return Ok(ExitStatus::Yes);
    }

    let assigned = validate::validate(&before, &args.settings)?;
    let values: Vec<(&str, Option<&str>)> = assigned
        .iter()
        .map(|(setting, value)| (setting.name.as_str(), *value))
        .collect();
    let mut transaction = client.transaction().map_err(|error| failed(&error))?;
    let changes = connection::store(&mut transaction, global)
        .and_then(|store| store.configure(&values))
        .map_err(|error| {
            if error.is_invalid_argument() {
                validate::refused_by_store(&assigned)
            } else {
                failed(&error)
            }
        })?;
    let after = read(&mut transaction, global).map_err(|error| failed(&error))?;
    if args.dry_run {
        transaction.rollback()
    } else {
        transaction.commit()
    }
    .map_err(|error| failed(&error))?;
    report::print_changes(global, args.dry_run, &after, &changes)?;
    Ok(ExitStatus::Yes)
}

fn read(client: &mut impl Lent, global: &GlobalArgs) -> Result<Vec<Setting>, connect_pg::Error> {
    let settings = connection::store(client, global)?.settings()?;
    Ok(settings.into_iter().map(Setting::from).collect())
}
