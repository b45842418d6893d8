//! `session-admin check`

mod findings;
mod hba;
mod members;
mod password;
mod public;
mod report;

use connect_pg::install;
use postgres::Client;

use self::findings::{EnvironmentReport, Finding};
use self::hba::check_hba;
use self::members::check_members;
use self::password::check_password;
use self::public::check_public;
use crate::exit::ExitStatus;
use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::global_args::GlobalArgs;
use crate::support::rights::Rights;

const HELP: &str = "\
Prints a line \"drift\" for each difference from what install creates, and a line \"warning\" for each weakness around it: \
the role has no password, or the default one of connect-pg 1.1.5, or pg_hba.conf lets it log in without one. Exit status 1 \
if there is any of them. Notes are for you to judge and do not count. Nothing is changed: check runs the install in a \
transaction and rolls it back.

Rights: as for install. What only a superuser can see (stored passwords, pg_hba.conf) is left out for other users, with a note.

Examples:
  session-admin check || session-admin install
  session-admin check --format json | jq '.findings[].finding'

--format json prints {\"ok\":…, \"installed\":…, \"release\":…, \"drift\":[as install's changes], \"findings\":[{\"finding\":…, \
\"text\":…, \"hint\":…}], \"notes\":[the same]}.";

/// Report drift and weaknesses of the store
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {}

pub(crate) fn run(global: &GlobalArgs, _: &Args) -> Result<ExitStatus, CliError> {
    let mut client = connection::open(global)?;
    let checked = global
        .install_options()
        .and_then(|options| install::check(&mut client, &options));
    let store = match checked {
        Ok(store) => store,
        Err(error) if error.is_not_installed() => {
            report::print_not_installed(global)?;
            return Ok(ExitStatus::No);
        }
        Err(error) => return Err(call_failed("check", &error, global, Rights::Install)),
    };
    let mut environment = EnvironmentReport::default();
    if !store.missing_from_history.is_empty() {
        environment.notes.push(Finding::new(
            "release_not_recorded",
            "the SQL script installed or upgraded the store, so the history of releases (public.correct_web_history) lacks it; \
             this has no effect",
            "session-admin install records it",
        ));
    }
    check_environment(&mut client, &global.role, &mut environment)
        .map_err(|error| call_failed("check", &error, global, Rights::Install))?;
    report::print(global, &store, &environment).map(ExitStatus::of)
}

fn check_environment(
    client: &mut Client,
    role: &str,
    report: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    // Objects in other schemas must not shadow those of PostgreSQL.
    client.batch_execute("set search_path = pg_catalog, pg_temp")?;
    let exists = client
        .query_opt(
            "select from pg_roles as r where r.rolname = $1::text",
            &[&role],
        )?
        .is_some();
    if exists {
        check_password(client, role, report)?;
        check_hba(client, role, report)?;
        check_members(client, role, report)?;
    }
    check_public(client, report)
}
