//! A server that begins empty: `initdb` makes it for one test, also of another version than the server of this run.

use std::env;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use postgres::{Client, Config, NoTls};

use super::copied_server::{programs_of_version, server_command, succeeded};
use super::environment::clear;
use super::server::unique_name;
use super::server_user::{as_server_user, give_to_server_user};
use super::session_admin::{Run, bare_command, run};
use super::wait::wait_until;

/// Only the file name of the socket depends on it, and the socket's directory is the server's own.
const PORT: u16 = 5432;
const SUPERUSER: &str = "postgres";

/// The superuser needs no password: the directory of the socket is private.
const HBA: &str =
    "local all postgres trust\nlocal replication postgres trust\nlocal all all scram-sha-256\n";

/// A server without a database of its own. Dropping it removes it.
pub struct FreshServer {
    pub directory: PathBuf,
    pub programs: PathBuf,
    /// Variables of the server's processes, `name=value`.
    variables: Vec<String>,
    server: Option<Child>,
}

impl FreshServer {
    /// Makes a server of the version of this run. Returns the reason if it cannot.
    pub fn new(settings: &[&str]) -> Result<Self, String> {
        let programs = env::var("PG_BINDIR")
            .map_err(|_| "PG_BINDIR is not set: not under bin/with-pg".to_owned())?;
        Self::with_programs(Path::new(&programs), settings)
    }

    /// Makes a server of another version. Returns the reason if its programs cannot be had.
    pub fn of_version(version: u32) -> Result<Self, String> {
        Self::with_programs(&programs_of_version(version)?, &[])
    }

    /// Makes a server of these programs, with another argument of `initdb`. Returns the reason if it cannot.
    pub fn of_programs(programs: &Path, initdb: Option<&str>) -> Result<Self, String> {
        Self::initialized(programs, initdb, &[])
    }

    fn with_programs(programs: &Path, settings: &[&str]) -> Result<Self, String> {
        Self::initialized(programs, None, settings)
    }

    fn initialized(
        programs: &Path,
        option: Option<&str>,
        settings: &[&str],
    ) -> Result<Self, String> {
        let mut server = Self::without_data(programs)?;
        let mut initdb = server.own_program("initdb");
        initdb.args(option);
        initdb.args(["--encoding=UTF8", "--locale=C", "--no-sync"]);
        initdb.arg(format!("--username={SUPERUSER}"));
        initdb.arg("--pgdata").arg(server.data());
        succeeded(initdb.output())?;
        fs::write(server.data().join("pg_hba.conf"), HBA).map_err(|e| e.to_string())?;
        server.start(settings)?;
        Ok(server)
    }

    /// Makes a hot standby of a server. Returns the reason if it cannot.
    pub fn standby_of(primary: &Self) -> Result<Self, String> {
        let mut server = Self::without_data(&primary.programs)?;
        server.follow(primary)?;
        Ok(server)
    }

    fn without_data(programs: &Path) -> Result<Self, String> {
        let directory = env::temp_dir().join(unique_name());
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&directory)
            .map_err(|e| e.to_string())?;
        let server = Self {
            directory,
            programs: programs.to_owned(),
            variables: Vec::new(),
            server: None,
        };
        give_to_server_user(&server.directory)?;
        Ok(server)
    }

    /// Replaces the data of this server, which does not run, by a copy of a primary's, and starts it as the primary's standby.
    pub fn follow(&mut self, primary: &Self) -> Result<(), String> {
        assert!(self.server.is_none(), "the server is running");
        fs::remove_dir_all(self.data()).ok();
        let mut copy = self.own_program("pg_basebackup");
        copy.args(["--checkpoint=fast", "--wal-method=stream", "--no-sync"])
            .args(["--write-recovery-conf", "--no-password"])
            .arg(format!(
                "--dbname={}",
                primary.connection_string("postgres")
            ))
            .arg("--pgdata")
            .arg(self.data());
        succeeded(copy.output()).map_err(|reason| format!("pg_basebackup: {reason}"))?;
        self.start(&[])
    }

    /// Makes a standby a primary.
    pub fn promote(&self) {
        let mut promote = self.own_program("pg_ctl");
        promote.args(["promote", "--wait", "--pgdata"]);
        promote.arg(self.data());
        succeeded(promote.output()).unwrap();
    }

    /// Sets a variable of the server's processes, from the next start on.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        self.variables.push(format!("{name}={value}"));
    }

    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub fn start(&mut self, settings: &[&str]) -> Result<(), String> {
        let port = format!("port={PORT}");
        // Shared memory that a killed server leaves is in its directory.
        let own = [port.as_str(), "dynamic_shared_memory_type=mmap"];
        let settings = [&own, settings].concat();
        let mut command =
            server_command(&self.programs, &self.directory, &settings, &self.variables)?;
        self.server = Some(command.spawn().map_err(|e| e.to_string())?);
        self.connect("postgres");
        Ok(())
    }

    /// Waits until the server has restarted after a crash of one of its processes. Starts it if it has stopped.
    pub fn recover(&mut self, settings: &[&str]) {
        let mut stopped = false;
        wait_until("the server has recovered or stopped", || {
            let server = self.server.as_mut().unwrap();
            stopped = server.try_wait().unwrap().is_some();
            // Before this message, the processes that are left still accept connections.
            let ended = "all server processes terminated; reinitializing";
            stopped || self.log().contains(ended) && self.config("postgres").connect(NoTls).is_ok()
        });
        if stopped {
            self.start(settings).unwrap();
        }
    }

    /// Returns what the server has logged since its last start.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap()
    }

    /// Ends all processes of the server by SIGKILL, and waits until they are gone.
    pub fn kill(&mut self) {
        let mut server = self.server.take().unwrap();
        let postmaster = server.id().to_string();
        // While it is stopped it starts no process that would be missed.
        signal("-STOP", &[&postmaster]);
        let list = format!("/proc/{postmaster}/task/{postmaster}/children");
        let children = fs::read_to_string(list).unwrap();
        let children: Vec<&str> = children.split_whitespace().collect();
        signal("-KILL", &children);
        signal("-KILL", &[&postmaster]);
        server.wait().unwrap();
        wait_until("the processes of the server are gone", || {
            children.iter().all(|child| !is_running(child))
        });
        // The next start would remove it, and there may be none. The seventh line names it.
        let file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        if let Some(segment) = file
            .lines()
            .nth(6)
            .and_then(|line| line.split(' ').next_back())
        {
            Command::new("ipcrm")
                .args(["--shmem-id", segment])
                .status()
                .unwrap();
        }
    }

    /// Stops the server as an administrator does, with a checkpoint.
    pub fn stop(&mut self) {
        self.end("-INT");
    }

    fn end(&mut self, signal: &str) {
        if let Some(mut server) = self.server.take() {
            Command::new("kill")
                .args([signal, &server.id().to_string()])
                .status()
                .ok();
            server.wait().ok();
        }
    }

    /// Connects as the superuser.
    pub fn connect(&mut self, database: &str) -> Client {
        let config = self.config(database);
        let mut client = None;
        wait_until("the server takes connections", || {
            let server = self.server.as_mut().unwrap();
            if let Some(status) = server.try_wait().unwrap() {
                let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
                panic!("the server ended, {status}:\n{log}");
            }
            client = config.connect(NoTls).ok();
            client.is_some()
        });
        client.unwrap()
    }

    fn config(&self, database: &str) -> Config {
        let mut config = Config::new();
        config
            .host_path(&self.directory)
            .port(PORT)
            .user(SUPERUSER)
            .dbname(database);
        config
    }

    /// Returns how another server connects.
    pub fn connection_string(&self, database: &str) -> String {
        format!(
            "host={} port={PORT} user={SUPERUSER} dbname={database}",
            self.directory.display()
        )
    }

    /// Sets the variables by which a program connects as the superuser.
    pub fn set_login(&self, command: &mut Command, database: &str) {
        clear(command);
        command
            .env("PGHOST", &self.directory)
            .env("PGPORT", PORT.to_string())
            .env("PGUSER", SUPERUSER)
            .env("PGDATABASE", database);
    }

    /// Runs session-admin on a database.
    pub fn session_admin(&self, database: &str, arguments: &[&str]) -> Run {
        let mut command = bare_command(arguments);
        self.set_login(&mut command, database);
        run(command)
    }

    /// Returns one of the server's own programs, which runs as the server's user in the server's directory.
    pub fn own_program(&self, name: &str) -> Command {
        let mut command = as_server_user(&self.programs.join(name));
        clear(&mut command);
        command.current_dir(&self.directory);
        command
    }
}

fn signal(signal: &str, processes: &[&str]) {
    // A child may end before it gets the signal.
    Command::new("kill")
        .arg(signal)
        .args(processes)
        .output()
        .unwrap();
}

/// Returns true if a process still has its memory. One that has ended and that its parent has not yet waited for has none.
fn is_running(process: &str) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|line| {
        // The state follows the name, which is in parentheses and may contain some.
        line.rsplit_once(") ")
            .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    })
}

impl Drop for FreshServer {
    fn drop(&mut self) {
        self.end("-QUIT");
        fs::remove_dir_all(&self.directory).ok();
    }
}
