//! `session-admin`: installs and administers web sessions in PostgreSQL.

// rust-version is the client's; this program needs a newer toolchain.
#![allow(clippy::incompatible_msrv)]

mod cli;
mod commands;
mod exit;
mod support;

use std::env;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command};
use commands::{
    check, completions, configure, end, export, import, install, print_sql, prune, rotate_password,
    status, uninstall, users,
};
use exit::ExitStatus;
use support::cli_error::CliError;
use support::global_args::FormatName;
use support::output;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    match run(&cli) {
        Ok(status) => status.into(),
        Err(error) => {
            output::print_error(&error);
            exit::failure(matches!(&cli.command, Command::Check(args) if args.is_probe()))
        }
    }
}

/// Prints what is wrong with the arguments, or the help that they ask for.
fn refused(error: &clap::Error) -> ExitCode {
    // A closed standard error is no reason for another status.
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    // There is no Args to ask.
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let asks_for_probe = |argument: &std::ffi::OsString| {
        let text = argument.to_string_lossy();
        text == "--probe" || text.starts_with("--probe=")
    };
    exit::failure(
        arguments.iter().any(|argument| argument == "check")
            && arguments.iter().any(asks_for_probe),
    )
}

fn run(cli: &Cli) -> Result<ExitStatus, CliError> {
    let global = &cli.global;
    if global.format_name == FormatName::Prometheus && !matches!(cli.command, Command::Status(_)) {
        return Err(CliError::new(
            "--format prometheus is for status only",
            "use --format json",
        ));
    }
    if global.format_name == FormatName::Env && !matches!(cli.command, Command::RotatePassword(_)) {
        return Err(CliError::new(
            "--format env is for rotate-password only",
            "use --format json",
        ));
    }
    match &cli.command {
        Command::Install(args) => install::run(global, args),
        Command::Check(args) => check::run(global, args),
        Command::RotatePassword(args) => rotate_password::run(global, args),
        Command::Prune(args) => prune::run(global, args),
        Command::Status(args) => status::run(global, args),
        Command::Users(args) => users::run(global, args),
        Command::End(args) => end::run(global, args),
        Command::Configure(args) => configure::run(global, args),
        Command::Export(args) => export::run(global, args),
        Command::Import(args) => import::run(global, args),
        Command::Uninstall(args) => uninstall::run(global, args),
        Command::PrintSql(args) => print_sql::run(global, args),
        Command::Completions(args) => completions::run(Cli::command(), args),
    }
}
