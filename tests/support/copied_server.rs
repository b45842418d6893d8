//! A second server, which `pg_basebackup` copies from the server of this run. Where it cannot (a server on another machine, no
//! privilege to replicate), the test is skipped.

use std::env;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use postgres::{Client, Config, NoTls};

use super::server::unique_name;
use super::server_user::{as_server_user, give_to_server_user};
use super::wait::wait_until;

/// A copy of the server of this run. Dropping it removes it.
pub struct CopiedServer {
    directory: PathBuf,
    server: Child,
}

impl CopiedServer {
    /// Makes a copy that replays what the server writes. Returns the reason if it cannot.
    pub fn standby() -> Result<Self, String> {
        Self::start(&["--write-recovery-conf"], &[], None)
    }

    /// Makes a copy of this copy that replays what it writes. Returns the reason if it cannot.
    pub fn own_standby(&self) -> Result<Self, String> {
        Self::start(&["--write-recovery-conf"], &[], Some(&self.directory))
    }

    /// Returns the directory of its socket.
    pub fn socket_directory(&self) -> &Path {
        &self.directory
    }

    /// Makes a copy that is a server of its own, with these settings (`name=value`). Returns the reason if it cannot.
    pub fn with_settings(settings: &[&str]) -> Result<Self, String> {
        Self::start(&[], settings, None)
    }

    /// Copies the server whose socket is in `source`, or the server of this run.
    fn start(
        backup_options: &[&str],
        settings: &[&str],
        source: Option<&Path>,
    ) -> Result<Self, String> {
        let programs = env::var("PG_BINDIR")
            .map_err(|_| "PG_BINDIR is not set: not under bin/with-pg".to_owned())?;
        let programs = Path::new(&programs);
        let directory = env::temp_dir().join(unique_name());
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&directory)
            .map_err(|e| e.to_string())?;
        let data = directory.join("data");
        let mut backup = Command::new(programs.join("pg_basebackup"));
        if let Some(source) = source {
            backup.env("PGHOST", source);
        }
        let copied = backup
            .args(["--checkpoint=fast", "--wal-method=stream", "--no-sync"])
            .args(backup_options)
            .arg("--no-password")
            .arg("--pgdata")
            .arg(&data)
            .output();
        if let Err(reason) = succeeded(copied) {
            fs::remove_dir_all(&directory).ok();
            return Err(format!("pg_basebackup: {reason}"));
        }

        // The primary's file may be changed by another test at this moment. The directory is private, so `trust` is safe.
        fs::write(
            data.join("pg_hba.conf"),
            "local all all trust\nlocal replication all trust\n",
        )
        .map_err(|e| e.to_string())?;
        let server = server_command(programs, &directory, settings, &[])?
            .spawn()
            .map_err(|e| e.to_string())?;
        Ok(Self { directory, server })
    }

    /// Connects as the superuser once the server accepts connections.
    pub fn connect(&mut self, database: &str) -> Client {
        let mut config = Config::new();
        config
            .host_path(&self.directory)
            .port(env::var("PGPORT").map_or(5432, |port| port.parse().unwrap()))
            .user(&env::var("PGUSER").unwrap_or_else(|_| "postgres".to_owned()))
            .dbname(database);
        let mut client = None;
        wait_until("the copy takes connections", || {
            if let Some(status) = self.server.try_wait().unwrap() {
                let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
                panic!("the copy ended, {status}:\n{log}");
            }
            client = config.connect(NoTls).ok();
            client.is_some()
        });
        client.unwrap()
    }
}

impl Drop for CopiedServer {
    fn drop(&mut self) {
        // An immediate shutdown ends the child processes too, and SIGKILL would not.
        Command::new("kill")
            .args(["-QUIT", &self.server.id().to_string()])
            .status()
            .ok();
        self.server.wait().ok();
        fs::remove_dir_all(&self.directory).ok();
    }
}

/// Returns the command that starts the server whose data are in `directory`/data, with these variables (`name=value`). Its socket
/// and its log are in the directory too.
pub(super) fn server_command(
    programs: &Path,
    directory: &Path,
    settings: &[&str],
    variables: &[String],
) -> Result<Command, String> {
    give_to_server_user(directory)?;
    // For the server alone, and not for what changes the user.
    let mut command = as_server_user(Path::new("env"));
    command
        .args(variables)
        .arg(programs.join("postgres"))
        .arg("-D")
        .arg(directory.join("data"))
        .args(["-c", "listen_addresses=", "-c", "logging_collector=off"])
        .arg("-c")
        .arg(format!("unix_socket_directories={}", directory.display()))
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(directory.join("log")).map_err(|e| e.to_string())?);
    Ok(command)
}

/// Returns the directory of the programs of a version: the installed ones, or those of the npm registry. Returns the reason if they
/// cannot be had.
#[cfg(any(feature = "admin", feature = "tls"))]
pub fn programs_of_version(version: u32) -> Result<PathBuf, String> {
    let installed = PathBuf::from(format!("/usr/lib/postgresql/{version}/bin"));
    if installed.join("initdb").exists() {
        return Ok(installed);
    }
    let programs = succeeded(
        Command::new(super::repository::root().join("bin/lib/download-postgres"))
            .arg(version.to_string())
            .output(),
    )?;
    Ok(PathBuf::from(programs.trim()))
}

/// Returns the directory of all programs of a version, which a suite of Debian has. Returns the reason if they cannot be had.
#[cfg(feature = "admin")]
pub fn debian_programs(suite: &str, version: u32) -> Result<PathBuf, String> {
    let programs = succeeded(
        Command::new(super::repository::root().join("bin/lib/download-debian"))
            .arg(suite)
            .arg(format!("postgresql-{version}"))
            .arg(format!("usr/lib/postgresql/{version}/bin"))
            .output(),
    )?;
    Ok(PathBuf::from(programs.trim()))
}

/// Returns the output of a command, or its errors if it failed.
pub fn succeeded(output: std::io::Result<Output>) -> Result<String, String> {
    let output = output.map_err(|e| e.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
