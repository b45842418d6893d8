//! `session-admin rotate-password`

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use postgres::{Client, Transaction};
use serde_json::json;

use crate::cli::GlobalArgs;
use crate::exit::ExitStatus;
use crate::support::connection;
use crate::support::failure::{self, Failure};
use crate::support::output::{self, Format, one_line};
use crate::support::scram;

const HELP: &str = "\
Draws a new password of 256 random bits and sets it for the role (--role, default nodepg). The server is sent its \
SCRAM-SHA-256 verifier only: the password itself is in no statement, no log and no pg_stat_activity.

It is written to --output FILE (mode 0600, replaced as a whole) or else to standard output, and nowhere else. The \
database takes it only once it is written, so that it cannot be lost in between: after a crash at the worst \
moment it is in a hidden file beside FILE, named .FILE.* and private as well. Connections that are open stay open; \
an application that reads its password from the file at each connect needs no restart.

A new FILE belongs to whoever runs this, so an application that runs as another user cannot read it. Make it beforehand, \
for that user; a file that is there keeps its owner: install -o shop -m 0600 /dev/null FILE

--stdin takes the password from standard input, its first line, instead of drawing one. It is then written to \
--output FILE only: whoever typed it knows it.

Rights: a superuser, a role with CREATEROLE (and, from PostgreSQL 16 on, with ADMIN on the role), or the role itself.

Examples:
  install -o shop -m 0600 /dev/null /etc/shop/nodepg.password
  session-admin rotate-password --output /etc/shop/nodepg.password
  session-admin rotate-password | vault kv put secret/shop nodepg=-
  pass show shop/nodepg | session-admin rotate-password --stdin";

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

const RIGHTS: &str = "connect as a superuser (on the server's own machine: sudo -u postgres session-admin …), or as the role that \
     installed the store, or as the role itself with its present password";

/// What no longer comes from a keyboard or a password manager.
const LONGEST: u64 = 1024;

pub(crate) fn run(global: &GlobalArgs, arguments: &Args) -> Result<ExitStatus, Failure> {
    let password = if arguments.stdin {
        read_password()?
    } else {
        generate_password()?
    };
    let verifier = postgres_protocol::password::scram_sha_256(password.as_bytes());
    // Characters that are normalised away (SASLprep) can leave nothing; the server would take that for no password.
    if scram::matches(&verifier, &global.role, "") {
        return Err(Failure::new(
            "the password is empty",
            "give one in the first line of standard input",
        ));
    }
    if arguments.output.is_none() && !arguments.stdin {
        refuse_null_output()?;
    }

    let mut client = connection::open(global)?;
    let waiting = arguments
        .output
        .as_deref()
        .map(|path| WaitingFile::write(path, &password))
        .transpose()?;
    let printed = (waiting.is_none() && !arguments.stdin).then_some(password.as_str());
    match set(&mut client, global, &verifier, printed) {
        Ok(()) => {}
        Err(Outcome::Unchanged(failure)) => return Err(failure),
        Err(Outcome::Unknown(failure)) => {
            return Err(match waiting {
                Some(waiting) => {
                    let kept = waiting.keep();
                    Failure::new(
                        format!(
                            "{failure}\nThe server did not say whether it took the password; it is kept in {}",
                            kept.display()
                        ),
                        "run it again: a new password settles the matter",
                    )
                }
                None => failure,
            });
        }
    }
    if let Some(waiting) = waiting {
        waiting.put_in_place()?;
    }
    report(global, arguments)
}

fn report(global: &GlobalArgs, arguments: &Args) -> Result<ExitStatus, Failure> {
    let role = one_line(&global.role);
    match (&arguments.output, global.format) {
        (Some(path), Format::Json) => {
            output::print_json(&json!({"role": global.role, "output": path.to_string_lossy()}))?;
        }
        (Some(path), Format::People) => {
            output::remark(&format!(
                "The role {role} has a new password; it is in {}.",
                path.display()
            ));
        }
        (None, _) => output::remark(&format!("The role {role} has a new password.")),
    }
    Ok(ExitStatus::Yes)
}

fn generate_password() -> Result<String, Failure> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| {
        Failure::new(
            format!("the operating system gives no random numbers: {error}"),
            "run it where /dev/urandom or getrandom(2) works",
        )
    })?;
    Ok(URL_SAFE_NO_PAD.encode(bits))
}

fn read_password() -> Result<String, Failure> {
    let refuse = |what: &str| {
        Err(Failure::new(
            what,
            "give the password in the first line of standard input, as UTF-8 text",
        ))
    };
    if io::stdin().is_terminal() {
        output::remark("Type the new password (it can be seen), then Enter:");
    }
    let mut line = Vec::new();
    let read = io::stdin()
        .lock()
        .take(LONGEST + 2)
        .read_until(b'\n', &mut line);
    if let Err(error) = read {
        return refuse(&format!("cannot read standard input: {error}"));
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    let Ok(password) = String::from_utf8(line) else {
        return refuse("the password is not UTF-8 text");
    };
    match password {
        password if password.is_empty() => refuse("the password is empty"),
        password if password.len() > usize::try_from(LONGEST).unwrap_or(usize::MAX) => {
            refuse("the password is longer than 1024 bytes")
        }
        password if password.contains('\0') => {
            refuse("the password holds a NUL character, which no client can send")
        }
        password => Ok(password),
    }
}

/// Standard output that leads nowhere (`>/dev/null`, or closed, for which Rust opens /dev/null) would lose the password.
fn refuse_null_output() -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        use std::os::unix::fs::MetadataExt;

        let out = io::stdout().as_fd().try_clone_to_owned().map(File::from);
        let device = |metadata: fs::Metadata| (metadata.rdev() != 0).then(|| metadata.rdev());
        let out = out.and_then(|out| out.metadata()).ok().and_then(device);
        let null = fs::metadata("/dev/null").ok().and_then(device);
        if out.is_some() && out == null {
            return Err(Failure::new(
                "standard output leads to /dev/null, so nobody would learn the password; nothing was changed",
                "name a file with --output FILE, or give the password with --stdin",
            ));
        }
    }
    Ok(())
}

/// What became of the role when it did not end well.
enum Outcome {
    Unchanged(Failure),
    Unknown(Failure),
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self::Unchanged(failure)
    }
}

/// Gives the role the verifier. A password to be printed is printed before the commit: a reader that has gone away undoes all.
fn set(
    client: &mut Client,
    global: &GlobalArgs,
    verifier: &str,
    printed: Option<&str>,
) -> Result<(), Outcome> {
    let failed =
        |error: postgres::Error| failure::calling("set the password", &error, global, RIGHTS);
    let is_standby: bool = client
        .query_one("select pg_catalog.pg_is_in_recovery()", &[])
        .and_then(|row| row.try_get(0))
        .map_err(failed)?;
    let mut transaction = client.build_transaction();
    // Whatever the default for this user is. A standby is to say 25006 of the change, and not something else of this.
    if !is_standby {
        transaction = transaction.read_only(false);
    }
    let mut transaction = transaction.start().map_err(failed)?;
    let known = transaction
        .query_opt(
            "select from pg_catalog.pg_roles as r where r.rolname = $1::text",
            &[&global.role],
        )
        .map_err(failed)?;
    if known.is_none() {
        return Err(Outcome::Unchanged(Failure::new(
            format!("there is no role {:?} on this server", global.role),
            "make it with session-admin install, or name it with --role",
        )));
    }
    disable_statement_logging(&mut transaction).map_err(failed)?;
    let statement = format!(
        "alter role {} password '{verifier}'",
        connection::identifier(&global.role)
    );
    transaction.batch_execute(&statement).map_err(failed)?;
    if let Some(password) = printed {
        let mut out = io::stdout().lock();
        writeln!(out, "{password}")
            .and_then(|()| out.flush())
            .map_err(|error| {
                Failure::new(
                    format!("the password could not be written to standard output ({error}), so it was not set"),
                    "run it again with a reader that stays, or with --output FILE",
                )
            })?;
    }
    transaction.commit().map_err(|error| {
        let refused = error.code().is_some();
        let failure = failed(error);
        if refused {
            Outcome::Unchanged(failure)
        } else {
            Outcome::Unknown(failure)
        }
    })
}

/// The verifier is no password, but a weak one could be guessed from it: ask that this transaction be logged by
/// nobody. Only a superuser may ask; for others it stays as the server has it.
fn disable_statement_logging(transaction: &mut Transaction<'_>) -> Result<(), postgres::Error> {
    let is_superuser = transaction
        .query_one(
            "select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user",
            &[],
        )?
        .try_get(0)?;
    if is_superuser {
        // Those that this server has: the last belongs to an extension.
        transaction.execute(
            "select pg_catalog.set_config(s.name, v.value, true)
            from (
                values
                    ('log_statement', 'none'),
                    ('log_min_duration_statement', '-1'),
                    ('log_min_duration_sample', '-1'),
                    ('log_transaction_sample_rate', '0'),
                    ('log_min_error_statement', 'panic'),
                    ('track_activities', 'off'),
                    ('pg_stat_statements.track', 'none')
            ) as v (name, value)
            join pg_catalog.pg_settings as s on s.name = v.name",
            &[],
        )?;
    }
    Ok(())
}

/// The new content, complete and on disk beside the file that it is to become. Removed unless it is put in place or kept.
struct WaitingFile {
    waiting: PathBuf,
    target: PathBuf,
    kept: bool,
}

impl WaitingFile {
    fn write(path: &Path, password: &str) -> Result<Self, Failure> {
        let fail = |what: String| {
            Failure::new(
                what,
                "name another file with --output, or run this as a user who may write there; nothing was changed",
            )
        };
        // A link keeps pointing at the file; the file is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let present = match fs::metadata(&target) {
            Ok(metadata) if metadata.is_file() => Some(metadata),
            Ok(_) => return Err(fail(format!("{} is not a plain file", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(fail(format!("cannot look at {}: {error}", path.display()))),
        };
        let Some(name) = target.file_name() else {
            return Err(fail(format!("{} names no file", path.display())));
        };
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| {
            fail(format!(
                "the operating system gives no random numbers: {error}"
            ))
        })?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{:016x}", u64::from_ne_bytes(random)));
        let waiting = target.with_file_name(hidden);

        let file = create_private(&waiting)
            .map_err(|error| fail(format!("cannot write beside {}: {error}", path.display())))?;
        let this = Self {
            waiting,
            target,
            kept: false,
        };
        fill(file, password, present.as_ref())
            .map_err(|error| fail(format!("cannot write beside {}: {error}", path.display())))?;
        Ok(this)
    }

    fn keep(mut self) -> PathBuf {
        self.kept = true;
        self.waiting.clone()
    }

    /// The role has the password by now, so from here on it must not be lost.
    fn put_in_place(mut self) -> Result<(), Failure> {
        self.kept = true;
        fs::rename(&self.waiting, &self.target).map_err(|error| {
            Failure::new(
                format!(
                    "the role has the new password, but the file {} could not be replaced: {error}",
                    self.target.display()
                ),
                format!(
                    "the password is in {}; move it into place",
                    self.waiting.display()
                ),
            )
        })?;
        // The name, too, is to survive a crash; not every file system can do that.
        if let Some(directory) = self
            .target
            .parent()
            .and_then(|directory| File::open(directory).ok())
        {
            let _ = directory.sync_all();
        }
        Ok(())
    }
}

impl Drop for WaitingFile {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.waiting);
        }
    }
}

/// Writes the content, and forces it to disk.
fn fill(mut file: File, password: &str, present: Option<&fs::Metadata>) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        // The application that owns the file must be able to read the new one.
        let ours = file.metadata()?;
        if let Some(present) =
            present.filter(|present| (present.uid(), present.gid()) != (ours.uid(), ours.gid()))
        {
            fchown(&file, Some(present.uid()), Some(present.gid()))?;
        }
    }
    #[cfg(not(unix))]
    let _ = present;
    file.write_all(password.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}
