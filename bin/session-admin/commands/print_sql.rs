//! `session-admin print-sql`

use connect_pg::install::script;

use crate::cli::GlobalArgs;
use crate::exit::ExitStatus;
use crate::support::failure::{self, Failure};
use crate::support::output;

const HELP: &str = "\
Prints one SQL file that does what session-admin install does, for a DBA who wants to read it first and run it with \
psql. It needs no connection. All of it is one transaction, and it stops at the first error.

Examples:
  session-admin print-sql > store.sql
  psql --no-psqlrc --dbname=shop --file=store.sql";

/// Print the SQL of install, to be read and run with psql
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {}

pub(crate) fn run(global: &GlobalArgs, _: &Args) -> Result<ExitStatus, Failure> {
    let sql = script(&global.options())
        .map_err(|error| failure::calling("use these names", &error, global, ""))?;
    output::print(&sql)?;
    Ok(ExitStatus::Yes)
}
