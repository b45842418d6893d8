//! `session-admin completions`

use clap_complete::Shell;

use crate::exit::ExitStatus;
use crate::support::cli_error::CliError;
use crate::support::output;

const HELP: &str = "\
Examples:
  session-admin completions bash > ~/.local/share/bash-completion/completions/session-admin
  session-admin completions zsh > ~/.zfunc/_session-admin
  session-admin completions fish > ~/.config/fish/completions/session-admin.fish";

/// Print the completions for a shell
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(mut command: clap::Command, args: &Args) -> Result<ExitStatus, CliError> {
    // Into memory, because the generator panics when a pipe is closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "session-admin", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitStatus::Yes)
}
