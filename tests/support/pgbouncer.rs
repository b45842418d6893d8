//! A private PgBouncer in front of the server of this run.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use connect_pg::{Store, StoreBuilder};

use super::copied_server::succeeded;
use super::environment::tcp_address;
use super::server_user::{as_server_user, give_to_server_user};
use super::temporary_directory::TemporaryDirectory;
use super::test_database::{TestDatabase, with_groups};
use super::wait::wait_until;

/// A running PgBouncer, which listens on a free port. Dropping it ends it.
pub struct PgBouncer {
    server: Child,
    port: u16,
    _directory: TemporaryDirectory,
}

impl PgBouncer {
    /// Starts one for the runtime role of a database, with these settings (`name = value`). It keeps no track of prepared
    /// statements. Returns the reason if there is none.
    pub fn start(database: &TestDatabase, settings: &[&str]) -> Result<PgBouncer, String> {
        let program = program().ok_or("there is no pgbouncer (Debian and Ubuntu: pgbouncer)")?;
        let version = succeeded(Command::new(&program).arg("--version").output())?;
        // Older ones refuse the setting.
        let is_optional = knows_statements(&version);
        let off = is_optional.then_some("max_prepared_statements = 0");
        let settings: Vec<&str> = settings.iter().copied().chain(off).collect();
        Ok(Self::start_program(&program, database, &settings))
    }

    /// Starts one that keeps track of prepared statements, in transaction mode, with these settings. Returns the reason if there is
    /// none.
    pub fn tracking_statements(
        database: &TestDatabase,
        settings: &[&str],
    ) -> Result<PgBouncer, String> {
        let script = super::repository::root().join("bin/lib/download-pgbouncer");
        let program = succeeded(Command::new(script).output())?;
        let always = ["pool_mode = transaction", "max_prepared_statements = 100"];
        let settings = [&always, settings].concat();
        Ok(Self::start_program(
            Path::new(program.trim()),
            database,
            &settings,
        ))
    }

    fn start_program(program: &Path, database: &TestDatabase, settings: &[&str]) -> PgBouncer {
        let directory = TemporaryDirectory::new();
        // Another program may take the free port first.
        for _ in 0..20 {
            if let Some((server, port)) = try_start(program, &directory, database, settings) {
                return PgBouncer {
                    server,
                    port,
                    _directory: directory,
                };
            }
        }
        let log = fs::read_to_string(directory.path().join("log")).unwrap_or_default();
        panic!("pgbouncer does not start:\n{log}");
    }

    /// Returns how the runtime role connects through it, as a connection string.
    pub fn url(&self, database: &TestDatabase) -> String {
        let (port, name, role, password) = (
            self.port,
            &database.name,
            &database.role,
            &database.password,
        );
        format!("host=127.0.0.1 port={port} dbname={name} user={role} password={password}")
    }

    /// Returns a builder for a store behind it.
    pub fn builder(&self, database: &TestDatabase) -> StoreBuilder {
        let builder = Store::builder().database_url(&self.url(database));
        with_groups(builder.schema(&database.schema))
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let administrators = Path::new("/usr/sbin").to_owned();
    std::env::split_paths(&path)
        .chain([administrators])
        .map(|directory| directory.join("pgbouncer"))
        .find(|program| program.is_file())
}

/// Returns true if this version can keep track of prepared statements: 1.21 or later.
fn knows_statements(version: &str) -> bool {
    let number = version.strip_prefix("PgBouncer ").unwrap_or(version);
    let mut parts = number.split(['.', '\n']).map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (1, 21),
        _ => panic!("{version}"),
    }
}

fn try_start(
    program: &Path,
    directory: &TemporaryDirectory,
    database: &TestDatabase,
    settings: &[&str],
) -> Option<(Child, u16)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .unwrap()
        .port();
    let (host, server_port) = tcp_address();
    let path = directory.path();
    fs::write(
        path.join("userlist.txt"),
        format!("\"{}\" \"{}\"\n", database.role, database.password),
    )
    .unwrap();
    fs::write(
        path.join("pgbouncer.ini"),
        format!(
            "[databases]\n* = host={host} port={server_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\n{}\n",
            path.join("userlist.txt").display(),
            settings.join("\n")
        ),
    )
    .unwrap();
    give_to_server_user(path).unwrap();
    let log = fs::File::create(path.join("log")).unwrap();
    // PgBouncer refuses to run as root. SIGQUIT makes it end at once.
    let mut server = as_server_user(program)
        .arg(path.join("pgbouncer.ini"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut has_ended = false;
    // Not a connection: another program may have the port.
    let is_listening = format!("listening on {}:{port}", Ipv4Addr::LOCALHOST);
    wait_until("pgbouncer accepts connections", || {
        has_ended = server.try_wait().unwrap().is_some();
        has_ended
            || fs::read_to_string(path.join("log")).is_ok_and(|log| log.contains(&is_listening))
    });
    (!has_ended).then_some((server, port))
}
