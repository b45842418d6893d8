//! The options of the command line.

use clap::{Args, Parser, Subcommand};
use connect_pg::install::InstallOptions;

use crate::commands::{
    check, completions, configure, end, export, import, install, print_sql, prune, rotate_password,
    status, users,
};
use crate::support::output::Format;

const HELP: &str = "\
Connecting: as psql does, by --database-url, else by DATABASE_URL, else by libpq's variables (PGHOST, PGPORT, PGUSER, \
PGDATABASE, PGSERVICE, …) and defaults. Everybody on this machine can read a password in --database-url from the \
list of processes; keep it in ~/.pgpass, PGPASSWORD or DATABASE_URL.

Exit status:
  0  done
  1  the answer is no: check found something, there is nothing there, prune did not get to the end
  2  wrong use, or a failure; the last line on standard error says what mends it

Examples:
  sudo -u postgres session-admin install --database-url postgresql:///shop
  sudo -u postgres session-admin rotate-password --database-url postgresql:///shop > nodepg.password
  PGDATABASE=shop session-admin check
  session-admin print-sql > store.sql      # for a DBA who runs it with psql";

/// Installs and looks after web sessions kept in PostgreSQL.
#[derive(Parser)]
#[command(name = "session-admin", version, after_help = HELP, disable_help_subcommand = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The options of every subcommand. No `Debug`: the URL may hold a password.
#[derive(Args)]
pub(crate) struct GlobalArgs {
    /// The server and database: a URL, as `postgresql://user@host/database`, or keyword=value pairs
    #[arg(
        long,
        global = true,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) database_url: Option<String>,
    /// The schema of the store
    #[arg(long, global = true, default_value = "web", value_name = "NAME")]
    pub(crate) schema: String,
    /// The runtime role, as which the application logs in
    #[arg(long, global = true, default_value = "nodepg", value_name = "NAME")]
    pub(crate) role: String,
    /// For people, or for programs
    #[arg(long, global = true, value_enum, default_value_t = Format::People)]
    pub(crate) format: Format,
}

impl GlobalArgs {
    pub(crate) fn options(&self) -> InstallOptions {
        InstallOptions::default()
            .schema(&self.schema)
            .role(&self.role)
    }
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
    PrintSql(print_sql::Args),
    Completions(completions::Args),
}
