//! A server that begins empty: `initdb` makes it for one test, also of another version than the server of this run.

use std::env;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use postgres::{Client, Config, NoTls};

use super::copied_server::{as_server_user, give_to_server_user, spawn, succeeded};
use super::environment::clear;
use super::repository::root;
use super::server::unique_name;
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
        let installed = PathBuf::from(format!("/usr/lib/postgresql/{version}/bin"));
        if installed.join("initdb").exists() {
            return Self::with_programs(&installed, &[]);
        }
        let programs = succeeded(
            Command::new(root().join("bin/lib/download-postgres"))
                .arg(version.to_string())
                .output(),
        )?;
        Self::with_programs(Path::new(programs.trim()), &[])
    }

    fn with_programs(programs: &Path, settings: &[&str]) -> Result<Self, String> {
        let directory = env::temp_dir().join(unique_name());
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&directory)
            .map_err(|e| e.to_string())?;
        let mut server = Self {
            directory,
            programs: programs.to_owned(),
            server: None,
        };
        give_to_server_user(&server.directory)?;
        let mut initdb = server.own_program("initdb");
        initdb.args(["--encoding=UTF8", "--locale=C", "--no-sync"]);
        initdb.arg(format!("--username={SUPERUSER}"));
        initdb.arg("--pgdata").arg(server.data());
        succeeded(initdb.output())?;
        fs::write(server.data().join("pg_hba.conf"), HBA).map_err(|e| e.to_string())?;
        server.start(settings)?;
        Ok(server)
    }

    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub fn start(&mut self, settings: &[&str]) -> Result<(), String> {
        let port = format!("port={PORT}");
        let settings = [&[port.as_str()], settings].concat();
        self.server = Some(spawn(&self.programs, &self.directory, &settings)?);
        self.connect("postgres");
        Ok(())
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
        let mut config = Config::new();
        config
            .host_path(&self.directory)
            .port(PORT)
            .user(SUPERUSER)
            .dbname(database);
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

impl Drop for FreshServer {
    fn drop(&mut self) {
        self.end("-QUIT");
        fs::remove_dir_all(&self.directory).ok();
    }
}
