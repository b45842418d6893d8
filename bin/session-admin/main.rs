//! `session-admin`: installs and looks after web sessions kept in PostgreSQL.
//!
//! One file for each subcommand, to be read from top to bottom: help, arguments, work.

mod check;
mod completions;
mod configure;
mod connection;
mod end;
mod export;
mod failure;
mod import;
mod install;
mod output;
mod print_sql;
mod private_file;
mod prune;
mod rotate_password;
mod scram;
mod sessions;
mod status;
mod users;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use connect_pg::install::InstallOptions;

use failure::Failure;
use output::Format;

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
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// The options of every subcommand. No `Debug`: the URL may hold a password.
#[derive(Args)]
struct Global {
    /// The server and database: a URL, as `postgresql://user@host/database`, or keyword=value pairs
    #[arg(
        long,
        global = true,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    database_url: Option<String>,
    /// The schema of the store
    #[arg(long, global = true, default_value = "web", value_name = "NAME")]
    schema: String,
    /// The runtime role, as which the application logs in
    #[arg(long, global = true, default_value = "nodepg", value_name = "NAME")]
    role: String,
    /// For people, or for programs
    #[arg(long, global = true, value_enum, default_value_t = Format::People)]
    format: Format,
}

impl Global {
    fn options(&self) -> InstallOptions {
        InstallOptions::default()
            .schema(&self.schema)
            .role(&self.role)
    }
}

#[derive(Subcommand)]
enum Command {
    Install(install::Arguments),
    Check(check::Arguments),
    RotatePassword(rotate_password::Arguments),
    Prune(prune::Arguments),
    Status(status::Arguments),
    Users(users::Arguments),
    End(end::Arguments),
    Configure(configure::Arguments),
    Export(export::Arguments),
    Import(import::Arguments),
    PrintSql(print_sql::Arguments),
    Completions(completions::Arguments),
}

/// What a subcommand answers when nothing failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(failure) => {
            output::complain(&failure.to_string());
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> Result<Answer, Failure> {
    match &cli.command {
        Command::Install(arguments) => install::run(&cli.global, arguments),
        Command::Check(arguments) => check::run(&cli.global, arguments),
        Command::RotatePassword(arguments) => rotate_password::run(&cli.global, arguments),
        Command::Prune(arguments) => prune::run(&cli.global, arguments),
        Command::Status(arguments) => status::run(&cli.global, arguments),
        Command::Users(arguments) => users::run(&cli.global, arguments),
        Command::End(arguments) => end::run(&cli.global, arguments),
        Command::Configure(arguments) => configure::run(&cli.global, arguments),
        Command::Export(arguments) => export::run(&cli.global, arguments),
        Command::Import(arguments) => import::run(&cli.global, arguments),
        Command::PrintSql(arguments) => print_sql::run(&cli.global, arguments),
        Command::Completions(arguments) => completions::run(arguments),
    }
}
