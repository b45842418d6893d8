//! The user of the operating system that servers run as. PostgreSQL and PgBouncer refuse to run as root.

use std::path::Path;
use std::process::Command;

use super::copied_server::succeeded;

/// Returns true if the tests run as root. Then servers run as the user `postgres`.
fn is_root() -> bool {
    succeeded(Command::new("id").arg("-u").output()).is_ok_and(|id| id.trim() == "0")
}

/// Makes the server's user the owner of a file, or of a directory and its content.
pub fn give_to_server_user(path: &Path) -> Result<(), String> {
    if is_root() {
        succeeded(
            Command::new("chown")
                .arg("-R")
                .arg("postgres:")
                .arg(path)
                .output(),
        )?;
    }
    Ok(())
}

/// Returns a program to be run as the server's user. It ends with the test.
pub fn as_server_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
        .args(["--pdeathsig=QUIT", "--"])
        .arg(program)
        // That user may not enter the tests' directory.
        .current_dir("/");
    command
}
