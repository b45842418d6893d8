//! `session-admin print-sql`

use clap::Args;
use connect_pg::install::script;

use crate::failure::{self, Failure};
use crate::{Answer, Global, output};

const HELP: &str = "\
Prints one SQL file that does what session-admin install does, for a DBA who wants to read it first and run it with \
psql. It needs no connection. All of it is one transaction, and it stops at the first error.

Examples:
  session-admin print-sql > store.sql
  psql --no-psqlrc --dbname=shop --file=store.sql";

/// Print the SQL of install, to be read and run with psql
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {}

pub(crate) fn run(global: &Global, _: &Arguments) -> Result<Answer, Failure> {
    let sql = script(&global.options())
        .map_err(|error| failure::calling("use these names", &error, global, ""))?;
    output::print(&sql)?;
    Ok(Answer::Yes)
}
