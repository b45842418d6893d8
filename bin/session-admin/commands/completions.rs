//! `session-admin completions`

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::ExitStatus;
use crate::support::failure::Failure;
use crate::support::output;

const HELP: &str = "\
Examples:
  session-admin completions bash > ~/.local/share/bash-completion/completions/session-admin
  session-admin completions zsh > ~/.zfunc/_session-admin
  session-admin completions fish > ~/.config/fish/completions/session-admin.fish";

/// Print the completions of a shell
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: &Args) -> Result<ExitStatus, Failure> {
    // Into memory first: the generator does not bear a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Cli::command(),
        "session-admin",
        &mut script,
    );
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitStatus::Yes)
}
