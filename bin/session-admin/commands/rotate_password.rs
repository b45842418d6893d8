//! `session-admin rotate-password`

use std::fs::{self, File};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use connect_pg::quote_identifier;
use postgres::Client;
use serde_json::json;

use crate::exit::ExitStatus;
use crate::support::call_error::call_failed;
use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::global_args::{Format, GlobalArgs};
use crate::support::output;
use crate::support::private_file::PrivateFile;
use crate::support::rights::Rights;
use crate::support::role_settings::{self, SettingClass, StoredSetting};
use crate::support::scram;
use crate::support::statement_logging::disable_statement_logging;
use crate::support::text::one_line;

const HELP: &str = "\
Generates a password of 256 random bits and sets it for the role (--role, default nodepg). The server receives only its \
SCRAM-SHA-256 verifier. The password itself is in no statement, no log and no pg_stat_activity.

Writes the password to --output FILE (mode 0600, replaced as a whole), else to standard output, and nowhere else. It is \
written before the server takes it, so that it cannot be lost: after a crash in between it is in a private file \
beside FILE, named .FILE.*. Open connections stay open. An application that reads FILE at each connect needs no restart.

A new FILE belongs to the user who runs this command. If the application runs as another user, create FILE for that user \
first. An existing FILE keeps its owner: install -o shop -m 0600 /dev/null FILE

A role can change its own settings. At the end, the settings of the role that install does not make are named.

With --stdin, the password is the first line of standard input. It is then written to --output FILE only.

Rights: a superuser, a role with CREATEROLE (from PostgreSQL 16 on: with ADMIN on the role), or the role itself.

Examples:
  install -o shop -m 0600 /dev/null /etc/shop/nodepg.password
  session-admin rotate-password --output /etc/shop/nodepg.password
  session-admin rotate-password | vault kv put secret/shop nodepg=-
  pass show shop/nodepg | session-admin rotate-password --stdin

--output FILE --format json prints {\"role\":…, \"output\":…, \"settings\":[\"name=value\", …]}.";

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
}

/// In bytes. Longer input is not a password.
const MAX_PASSWORD_BYTES: u64 = 1024;

pub(crate) fn run(global: &GlobalArgs, args: &Args) -> Result<ExitStatus, CliError> {
    let password = if args.stdin {
        read_password()?
    } else {
        generate_password()?
    };
    let verifier = postgres_protocol::password::scram_sha_256(password.as_bytes());
    // SASLprep can remove every character. The server takes an empty password for none.
    if scram::matches(&verifier, &global.role, "") {
        return Err(CliError::new(
            "the password is empty",
            "write a password to the first line of standard input",
        ));
    }
    if args.output.is_none() && !args.stdin {
        refuse_null_output()?;
    }

    let mut client = connection::open(global)?;
    let file = args
        .output
        .as_deref()
        .map(|path| write_password(path, &password))
        .transpose()?;
    let printed = (file.is_none() && !args.stdin).then_some(password.as_str());
    match (set_password(&mut client, global, &verifier, printed), file) {
        (Ok(()), Some(file)) => put_in_place(file)?,
        (Ok(()), None) => {}
        (Err(AttemptError::OutcomeUnknown(error)), Some(file)) => {
            return Err(CliError::new(
                format!(
                    "{error}\nThe server did not say whether it took the password, which is in {}",
                    file.keep().display()
                ),
                "run it again: a new password ends the doubt",
            ));
        }
        (Err(AttemptError::Unchanged(error) | AttemptError::OutcomeUnknown(error)), _) => {
            return Err(error);
        }
    }
    report(global, args, &differing_settings(&mut client, &global.role))
}

/// Returns the settings of the role that `install` does not make: an attacker with the old password may have set them. The
/// password is set by now, so a failure to read them is ignored.
fn differing_settings(client: &mut Client, role: &str) -> Vec<String> {
    role_settings::read(client, role)
        .unwrap_or_default()
        .iter()
        .filter(|setting| setting.role.as_deref() == Some(role))
        .filter(|setting| setting.class() != SettingClass::Installed)
        .map(StoredSetting::assignment)
        .collect()
}

fn report(global: &GlobalArgs, args: &Args, settings: &[String]) -> Result<ExitStatus, CliError> {
    let role = one_line(&global.role);
    match (&args.output, global.format()) {
        (Some(path), Format::Json) => {
            output::print_json(&json!({
                "role": global.role,
                "output": path.to_string_lossy(),
                "settings": settings,
            }))?;
        }
        (Some(path), Format::Text) => output::remark(&format!(
            "Role {role} has a new password, written to {}.",
            path.display()
        )),
        (None, _) => output::remark(&format!("Role {role} has a new password.")),
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

fn generate_password() -> Result<String, CliError> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| {
        CliError::new(
            format!("the operating system has no random numbers: {error}"),
            "run it where /dev/urandom or getrandom(2) works",
        )
    })?;
    Ok(URL_SAFE_NO_PAD.encode(bits))
}

fn read_password() -> Result<String, CliError> {
    let refused = |what: &str| {
        Err(CliError::new(
            what,
            "write the password to the first line of standard input, as UTF-8 text",
        ))
    };
    if io::stdin().is_terminal() {
        output::remark("Type the new password (it is shown), then Enter:");
    }
    let mut line = Vec::new();
    let read = io::stdin()
        .lock()
        .take(MAX_PASSWORD_BYTES + 2)
        .read_until(b'\n', &mut line);
    if let Err(error) = read {
        return refused(&format!("cannot read standard input: {error}"));
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    let Ok(password) = String::from_utf8(line) else {
        return refused("the password is not UTF-8 text");
    };
    match password {
        password if password.is_empty() => refused("the password is empty"),
        password if password.len() as u64 > MAX_PASSWORD_BYTES => {
            refused("the password is longer than 1024 bytes")
        }
        password if password.contains('\0') => {
            refused("the password contains a NUL character, which no client can send")
        }
        password => Ok(password),
    }
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

/// Writes the password beside the file that it is to replace.
fn write_password(path: &Path, password: &str) -> Result<PrivateFile, CliError> {
    let mut file = PrivateFile::create(path)?;
    file.take_over_owner()?;
    writeln!(file, "{password}").map_err(|error| file.cannot_write(&error))?;
    file.sync()?;
    Ok(file)
}

/// Gives the file its final name. The role has the password by now, so a failure keeps the file.
fn put_in_place(mut file: PrivateFile) -> Result<(), CliError> {
    file.put_in_place().map_err(|error| {
        let path = file.path().display().to_string();
        let kept = file.keep();
        CliError::new(
            format!("the role has the new password, but {path} could not be replaced: {error}"),
            format!(
                "move the file with the password into place: mv {} {path}",
                kept.display()
            ),
        )
    })
}

/// A password that may not have been set.
enum AttemptError {
    Unchanged(CliError),
    OutcomeUnknown(CliError),
}

impl From<CliError> for AttemptError {
    fn from(error: CliError) -> Self {
        Self::Unchanged(error)
    }
}

/// Sets the verifier of the role. Prints the password before the commit, so that a closed pipe undoes everything.
fn set_password(
    client: &mut Client,
    global: &GlobalArgs,
    verifier: &str,
    printed: Option<&str>,
) -> Result<(), AttemptError> {
    let failed =
        |error: postgres::Error| call_failed("set the password", &error, global, Rights::Password);
    let is_standby: bool = client
        .query_one("select pg_catalog.pg_is_in_recovery()", &[])
        .and_then(|row| row.try_get(0))
        .map_err(failed)?;
    let mut transaction = client.build_transaction();
    // Overrides default_transaction_read_only. On a standby this would fail with another SQLSTATE than the change.
    if !is_standby {
        transaction = transaction.read_only(false);
    }
    let mut transaction = transaction.start().map_err(failed)?;
    let role = transaction
        .query_opt(
            "select from pg_catalog.pg_roles as r where r.rolname = $1::text",
            &[&global.role],
        )
        .map_err(failed)?;
    if role.is_none() {
        return Err(AttemptError::Unchanged(CliError::new(
            format!("there is no role {:?} on this server", global.role),
            "create it with session-admin install, or name another one with --role",
        )));
    }
    disable_statement_logging(&mut transaction).map_err(failed)?;
    let statement = format!(
        "alter role {} password '{verifier}'",
        quote_identifier(&global.role)
    );
    transaction.batch_execute(&statement).map_err(failed)?;
    if let Some(password) = printed {
        let mut out = io::stdout().lock();
        writeln!(out, "{password}")
            .and_then(|()| out.flush())
            .map_err(|error| {
                CliError::new(
                    format!("the password could not be written to standard output ({error}), so it was not set"),
                    "run it again with another reader, or with --output FILE",
                )
            })?;
    }
    transaction.commit().map_err(|error| {
        let is_refused = error.code().is_some();
        let error = failed(error);
        if is_refused {
            AttemptError::Unchanged(error)
        } else {
            AttemptError::OutcomeUnknown(error)
        }
    })
}
