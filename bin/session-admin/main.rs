//! `session-admin`: installs and looks after web sessions kept in PostgreSQL.

mod cli;
mod commands;
mod exit;
mod support;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use commands::{
    check, completions, configure, end, export, import, install, print_sql, prune, rotate_password,
    status, users,
};
use exit::ExitStatus;
use support::failure::Failure;
use support::output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(ExitStatus::Yes) => ExitCode::SUCCESS,
        Ok(ExitStatus::No) => ExitCode::from(1),
        Err(failure) => {
            output::complain(&failure.to_string());
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> Result<ExitStatus, Failure> {
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
