//! `session-admin print-sql`

use connect_pg::install::script;

use crate::exit::ExitStatus;
use crate::support::call_error::names_refused;
use crate::support::cli_error::CliError;
use crate::support::durability::DurabilityName;
use crate::support::global_args::GlobalArgs;
use crate::support::output;

const HELP: &str = "\
Prints one SQL file that does the same as session-admin install, for a DBA who wants to read it and run it with psql. \
It needs no connection. The file is one transaction and stops at the first error.

Examples:
  session-admin print-sql > store.sql
  session-admin print-sql --durability relaxed > store.sql   # install --help says what it means
  psql --no-psqlrc --dbname=shop --file=store.sql";

/// Print the SQL of install, to read and to run with psql
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// What a crash of the server may lose [default: as it is; a new store is full]
    #[arg(long, value_enum, value_name = "DURABILITY")]
    durability: Option<DurabilityName>,
}

pub(crate) fn run(global: &GlobalArgs, args: &Args) -> Result<ExitStatus, CliError> {
    let sql = global
        .install_options()
        .map(|options| match args.durability {
            Some(name) => options.durability(name.into()),
            None => options,
        })
        .and_then(|options| script(&options))
        .map_err(|error| names_refused(&error))?;
    output::print(&sql)?;
    Ok(ExitStatus::Yes)
}
