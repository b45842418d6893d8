//! `session-admin completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::{Answer, Cli, output};

const HELP: &str = "\
Examples:
  session-admin completions bash > ~/.local/share/bash-completion/completions/session-admin
  session-admin completions zsh > ~/.zfunc/_session-admin
  session-admin completions fish > ~/.config/fish/completions/session-admin.fish";

/// Print the completions of a shell
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    // Into memory first: the generator does not bear a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Cli::command(),
        "session-admin",
        &mut script,
    );
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Answer::Yes)
}
