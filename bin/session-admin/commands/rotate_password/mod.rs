//! `session-admin rotate-password`

mod new_password;
mod old_connections;
mod output_file;
mod set_verifier;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use postgres::Client;
use serde_json::json;

use self::output_file::OutputFile;
use self::set_verifier::{AttemptError, set_verifier};
use crate::exit::ExitStatus;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::global_args::{Format, FormatName, GlobalArgs};
use crate::support::output;
use crate::support::role_settings::{self, SettingClass, StoredSetting};
use crate::support::scram;
use crate::support::text::one_line;

const HELP: &str = "\
Generates a password of 256 random bits and sets it for the role (--role, default nodepg). The server receives only its \
SCRAM-SHA-256 verifier. The password itself is in no statement, no log and no pg_stat_activity, and the verifier is in none \
either. If a server can show the verifier all the same, a warning says where.

Writes the password to --output FILE (mode 0600, or 0640 if FILE has that; replaced as a whole), else to standard output, and nowhere else. \
Open connections stay open. An application that reads FILE at each connect (password_file) needs no restart, and none of its \
connections fails. For that, FILE has the old and the new password, one a line, from before the server takes the new one; \
afterwards it has the new one alone. After a crash in between FILE has both, and the application works. Run it again: that \
sets another password and leaves it alone in FILE.

A new FILE belongs to the user who runs this command. If the application runs as another user, create FILE for that user \
first. An existing FILE keeps its owner: install -o shop -m 0600 /dev/null FILE

--terminate ends the role's connections that began before the rotation, except this command's own. It waits for \
authentication_timeout of the server, a minute by default, because a login that had begun can complete until then. That \
needs a superuser, a member of pg_signal_backend and pg_read_all_stats, or the role itself.

Without --output, --format env prints PGUSER=… and PGPASSWORD=…, and --format json {\"role\":…, \"password\":…, \
\"settings\":[\"name=value\", …]}. The password is printed before the server takes it. It is in force if the exit status is 0. With --terminate it can be in force \
although the command fails, because the connections end last. The output stays open until then, so prefer --output there.

A role can change its own settings. At the end, the settings of the role that install does not make are named.

With --stdin, the password is the first line of standard input. It is then written to --output FILE only.

Rights: a superuser, a role with CREATEROLE (from PostgreSQL 16 on: with ADMIN on the role), or the role itself.

Examples:
  install -o shop -m 0600 /dev/null /etc/shop/nodepg.password
  session-admin rotate-password --output /etc/shop/nodepg.password
  session-admin rotate-password --output /etc/shop/nodepg.password --terminate    # the old password is known to others
  session-admin rotate-password | vault kv put secret/shop nodepg=-
  session-admin rotate-password --format json | vault kv put secret/shop -
  pass show shop/nodepg | session-admin rotate-password --stdin
  PGUSER=nodepg session-admin rotate-password --password-file FILE --output FILE  # the role itself

--output FILE --format json prints {\"role\":…, \"output\":…, \"settings\":[\"name=value\", …], \"warnings\":[…], \
\"ended_connections\":…}.";

/// Set a new password for the runtime role
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// Take the password from the first line of standard input
    #[arg(long)]
    stdin: bool,
    /// Write the password to this file, with mode 0600
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// End the connections of the role that began before the rotation
    #[arg(long)]
    terminate: bool,
}

/// How often --terminate ends what keeps the role locked.
const UNLOCKS: usize = 3;

/// Where the password goes, and in which form.
#[derive(Clone, Copy)]
enum Destination<'a> {
    File(&'a Path),
    StandardOutput(FormatName),
    /// The caller has it.
    Nowhere,
}

impl Args {
    fn destination(&self, global: &GlobalArgs) -> Result<Destination<'_>, CliError> {
        let destination = match (&self.output, self.stdin) {
            (Some(path), _) => Destination::File(path),
            (None, true) => Destination::Nowhere,
            (None, false) => Destination::StandardOutput(global.format_name),
        };
        if global.format_name == FormatName::Env {
            if !matches!(destination, Destination::StandardOutput(_)) {
                return Err(CliError::new(
                    "--format env prints the password, so it needs neither --output nor --stdin; nothing was changed",
                    "leave --format env out",
                ));
            }
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
            if !global.role.bytes().all(is_plain) {
                return Err(CliError::new(
                    "readers of variables disagree about the characters in the name of this role; nothing was changed",
                    "use --format json",
                ));
            }
        }
        Ok(destination)
    }
}

pub(crate) fn run(global: &GlobalArgs, args: &Args) -> Result<ExitStatus, CliError> {
    let destination = args.destination(global)?;
    let password = if args.stdin {
        new_password::read_line()?
    } else {
        new_password::generate()?
    };
    let verifier = postgres_protocol::password::scram_sha_256(password.as_bytes());
    // SASLprep can remove every character. The server takes an empty password for none.
    if scram::matches(&verifier, &global.role, "") {
        return Err(CliError::new(
            "the password is empty",
            "write a password to the first line of standard input",
        ));
    }
    let mut file = match destination {
        Destination::File(path) => Some(OutputFile::new(path)?),
        Destination::StandardOutput(_) => {
            refuse_null_output()?;
            None
        }
        Destination::Nowhere => None,
    };
    let mut client = connection::open(global)?;
    if args.terminate {
        old_connections::check_rights(&mut client, global)?;
    }
    let settings = differing_settings(&mut client, &global.role);
    let mut before_commit = || match (destination, &mut file) {
        (Destination::StandardOutput(format), _) => {
            print_password(global, format, &password, &settings)
        }
        (_, Some(file)) => file.add(&password),
        (_, None) => Ok(()),
    };
    let warnings = set_verifier_of_locked_role(
        &mut client,
        global,
        args.terminate,
        &verifier,
        &mut before_commit,
    );
    let warnings = match (warnings, &mut file) {
        (Ok(warnings), _) => warnings,
        (Err(AttemptError::OutcomeUnknown(error)), Some(file)) => {
            return Err(CliError::new(
                format!(
                    "{error}\nThe server did not say whether it took the password. {} has the old and the new one, and the \
                     client tries both",
                    file.path().display()
                ),
                "run it again: a new password ends the doubt",
            ));
        }
        (Err(AttemptError::OutcomeUnknown(error)), None) => return Err(error),
        (Err(AttemptError::RoleLocked), _) => return Err(role_is_locked(global)),
        (Err(AttemptError::Unchanged(error)), file) => {
            if let Some(file) = file {
                file.restore();
            }
            return Err(error);
        }
    };
    let rotated_at = args
        .terminate
        .then(|| old_connections::server_time(&mut client, global));
    let settled = file.as_mut().map_or(Ok(()), |file| file.settle(&password));
    for warning in &warnings {
        output::remark(warning);
    }
    // A file that could not be replaced does not keep the old password's connections open.
    let ended = match rotated_at {
        None => None,
        Some(rotated_at) => Some(old_connections::end_all(&mut client, global, rotated_at?)?),
    };
    settled?;
    report(global, destination, &settings, &warnings, ended)
}

/// Sets the verifier. With `--terminate`, ends the role's own connections if one of them keeps the role locked.
fn set_verifier_of_locked_role(
    client: &mut Client,
    global: &GlobalArgs,
    terminate: bool,
    verifier: &str,
    before_commit: &mut dyn FnMut() -> Result<(), CliError>,
) -> Result<Vec<String>, AttemptError> {
    let mut unlocks = if terminate { UNLOCKS } else { 0 };
    loop {
        match set_verifier(client, global, verifier, &mut *before_commit) {
            Err(AttemptError::RoleLocked) if unlocks > 0 => unlocks -= 1,
            result => return result,
        }
        old_connections::ask_to_end(client, global, f64::INFINITY, true)?;
    }
}

fn role_is_locked(global: &GlobalArgs) -> CliError {
    CliError::new(
        format!(
            "an open transaction has changed role {} and keeps it locked; nothing was changed",
            one_line(&global.role)
        ),
        "end it (pg_locks and pg_stat_activity show it); --terminate ends it if it is the role's own",
    )
}

/// Returns the settings of the role that `install` does not make: an attacker with the old password may have set them. They are
/// a remark, so a failure to read them is ignored.
fn differing_settings(client: &mut Client, role: &str) -> Vec<String> {
    role_settings::read(client, role)
        .unwrap_or_default()
        .iter()
        .filter(|setting| setting.role.as_deref() == Some(role))
        .filter(|setting| setting.class() != SettingClass::Installed)
        .map(StoredSetting::assignment)
        .collect()
}

/// Prints the password before the commit, so that a closed pipe undoes everything.
fn print_password(
    global: &GlobalArgs,
    format: FormatName,
    password: &str,
    settings: &[String],
) -> Result<(), CliError> {
    let text = match format {
        FormatName::Env => format!("PGUSER={}\nPGPASSWORD={password}", global.role),
        FormatName::Json => json!({
            "role": global.role,
            "password": password,
            "settings": settings,
        })
        .to_string(),
        FormatName::Text | FormatName::Prometheus => password.to_owned(),
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| {
            CliError::new(
                format!("the password could not be written to standard output ({error}), so it was not set"),
                "run it again with another reader, or with --output FILE",
            )
        })
}

fn report(
    global: &GlobalArgs,
    destination: Destination<'_>,
    settings: &[String],
    warnings: &[String],
    ended: Option<usize>,
) -> Result<ExitStatus, CliError> {
    let role = one_line(&global.role);
    match (destination, global.format()) {
        (Destination::StandardOutput(_), _) | (Destination::Nowhere, Format::Text) => {
            output::remark(&format!("Role {role} has a new password."));
        }
        (Destination::File(path), Format::Text) => output::remark(&format!(
            "Role {role} has a new password, written to {}.",
            path.display()
        )),
        (Destination::File(_) | Destination::Nowhere, Format::Json) => {
            let path = match destination {
                Destination::File(path) => Some(path.to_string_lossy()),
                _ => None,
            };
            output::print_json(&json!({
                "role": global.role,
                "output": path,
                "settings": settings,
                "warnings": warnings,
                "ended_connections": ended,
            }))?;
        }
    }
    if let Some(ended) = ended {
        output::remark(&old_connections::describe(global, ended));
    }
    if !settings.is_empty() {
        output::remark(&format!(
            "Role {role} has settings that install does not make, and a new password does not remove them: {}.\n\
             Hint: session-admin check says which are dangerous; session-admin install resets those",
            one_line(&settings.join(", "))
        ));
    }
    Ok(ExitStatus::Yes)
}

/// Refuses `>/dev/null`, which would lose the password. Rust opens it as well where standard output is closed.
fn refuse_null_output() -> Result<(), CliError> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        use std::os::unix::fs::MetadataExt;

        let out = io::stdout().as_fd().try_clone_to_owned().map(File::from);
        let device = |metadata: fs::Metadata| (metadata.rdev() != 0).then(|| metadata.rdev());
        let out = out.and_then(|out| out.metadata()).ok().and_then(device);
        let null = fs::metadata("/dev/null").ok().and_then(device);
        if out.is_some() && out == null {
            return Err(CliError::new(
                "standard output leads to /dev/null, so the password would be lost; nothing was changed",
                "name a file with --output FILE, or supply the password with --stdin",
            ));
        }
    }
    Ok(())
}
