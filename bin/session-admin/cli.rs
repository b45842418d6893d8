//! The command line: global options and subcommands.

use clap::{Parser, Subcommand};

use crate::commands::{
    check, completions, configure, end, export, import, install, print_sql, prune, rotate_password,
    status, uninstall, users,
};
use crate::support::global_args::GlobalArgs;

const HELP: &str = "\
Connection: as for psql. --database-url goes first, then DATABASE_URL, then libpq's variables (PGHOST, PGPORT, PGUSER, \
PGDATABASE, PGSERVICE, …) and defaults. Every user of this machine can see a password in --database-url in the \
list of processes. Keep it in ~/.pgpass, PGPASSWORD, DATABASE_URL, or a file for --password-file.

Exit status:
  0  success
  1  the answer is no: check found something, no session matched, prune did not finish
  2  wrong usage or a failure; standard error ends with a hint. check --probe: a danger
  3  check --probe only: wrong usage or a failure

Examples:
  sudo -u postgres session-admin install --database-url postgresql:///shop
  sudo -u postgres session-admin rotate-password --database-url postgresql:///shop > nodepg.password
  PGDATABASE=shop session-admin check
  session-admin print-sql > store.sql      # for a DBA who runs it with psql";

/// Installs and administers web sessions in PostgreSQL
#[derive(Parser)]
#[command(name = "session-admin", version, after_help = HELP, disable_help_subcommand = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Install(install::Args),
    Check(check::Args),
    RotatePassword(rotate_password::Args),
    Prune(prune::Args),
    Status(status::Args),
    Users(users::Args),
    End(end::Args),
    Configure(configure::Args),
    Export(export::Args),
    Import(import::Args),
    Uninstall(uninstall::Args),
    PrintSql(print_sql::Args),
    Completions(completions::Args),
}
