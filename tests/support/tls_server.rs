//! A PostgreSQL with TLS, which a test starts for itself on a free port of 127.0.0.1.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use postgres::{Client, Config, NoTls};

use super::certificates::{Signed, write_private};
use super::copied_server::programs_of_version;
use super::server::value;
use super::server_user::{as_server_user, give_to_server_user};
use super::temporary_directory::TemporaryDirectory;
use super::wait::wait_until;

/// The superuser's password, for logins by TCP.
pub const PASSWORD: &str = "s3cret-of-tls";

/// A server that logs connections. The superuser `postgres` logs in without a password on the socket. Dropping it removes it.
pub struct TlsServer {
    directory: TemporaryDirectory,
    pub port: u16,
    server: Child,
}

impl TlsServer {
    /// Starts a server without TLS. TCP logins need a password in clear, which costs less time than SCRAM. Returns the reason if there are no programs of a server.
    pub fn start() -> Result<TlsServer, String> {
        let programs = env::var("PG_BINDIR")
            .map_err(|_| "PG_BINDIR is not set: not under bin/with-pg".to_owned())?;
        Ok(Self::with_programs(Path::new(&programs)))
    }

    /// Starts a server of another version. Returns the reason if its programs cannot be had.
    pub fn of_version(version: u32) -> Result<TlsServer, String> {
        Ok(Self::with_programs(&programs_of_version(version)?))
    }

    fn with_programs(programs: &Path) -> TlsServer {
        let directory = TemporaryDirectory::new();
        let path = directory.path();
        give_to_server_user(path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        let password = path.join("password");
        write_private(&password, PASSWORD);
        give_to_server_user(&password).unwrap();
        run(as_server_user(&programs.join("initdb"))
            .arg("--pgdata")
            .arg(path.join("data"))
            .args(["--username=postgres", "--encoding=UTF8", "--locale=C"])
            .args(["--auth-local=trust", "--auth-host=password", "--no-sync"])
            .arg("--pwfile")
            .arg(&password));
        let (port, server) = start_on_free_port(programs, path);
        TlsServer {
            directory,
            port,
            server,
        }
    }

    /// Connects as the superuser by the socket.
    pub fn superuser(&self) -> Client {
        superuser(self.directory.path(), self.port).unwrap()
    }

    /// Sets the server's certificate, and turns TLS on.
    pub fn set_certificate(&self, signed: &Signed) {
        self.write("server.crt", &signed.certificate);
        self.write("server.key", &signed.key);
        self.set("ssl", "on");
    }

    /// Sets the authority of client certificates, for which the server then asks.
    pub fn set_client_authority(&self, pem: &str) {
        self.write("clients.crt", pem);
        self.set("ssl_ca_file", "clients.crt");
    }

    /// Sets a setting, and waits until new connections have it.
    pub fn set(&self, setting: &str, value: &str) {
        let mut client = self.superuser();
        client
            .batch_execute(&format!("alter system set {setting} = '{value}'"))
            .unwrap();
        self.reload();
    }

    /// Replaces the rules of logins by TCP.
    pub fn set_rules(&self, rules: &str) {
        self.write("pg_hba.conf", &format!("local all all trust\n{rules}\n"));
        self.reload();
    }

    /// Makes the server read its files. Connections that begin later see them.
    fn reload(&self) {
        let mut client = self.superuser();
        let before: String = value(&mut client, "select pg_conf_load_time()::text");
        client.batch_execute("select pg_reload_conf()").unwrap();
        // A new process has the time from the postmaster, which has then read all files.
        wait_until("the server has read its files", || {
            value::<String>(&mut self.superuser(), "select pg_conf_load_time()::text") != before
        });
        let log = self.log();
        assert!(!log.contains("SSL configuration was not reloaded"), "{log}");
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.directory.path().join("data").join(name);
        write_private(&path, text);
        give_to_server_user(&path).unwrap();
    }

    /// Returns the connection string for a login by TCP.
    pub fn url(&self) -> String {
        format!(
            "hostaddr=127.0.0.1 port={} user=postgres dbname=postgres password={PASSWORD}",
            self.port
        )
    }

    /// Returns the server's log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the version of TLS of each connection with this name, "none" without TLS.
    pub fn tls_of(&self, application_name: &str) -> Vec<String> {
        self.superuser()
            .query(
                "select coalesce(version, 'none') from pg_stat_ssl join pg_stat_activity using (pid) \
                 where application_name = $1",
                &[&application_name],
            )
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect()
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        // An immediate shutdown ends the child processes too, and SIGKILL would not.
        let _ = Command::new("kill")
            .args(["-QUIT", &self.server.id().to_string()])
            .status();
        let _ = self.server.wait();
    }
}

fn start_on_free_port(programs: &Path, directory: &Path) -> (u16, Child) {
    for _ in 0..20 {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let log = fs::File::create(directory.join("log")).unwrap();
        let mut server = as_server_user(&programs.join("postgres"))
            .arg("-D")
            .arg(directory.join("data"))
            .arg(format!("--port={port}"))
            .args([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "logging_collector=off",
            ])
            .args([
                "-c",
                "log_connections=on",
                "-c",
                "fsync=off",
                "-c",
                "max_connections=50",
            ])
            .arg("-c")
            .arg(format!("unix_socket_directories={}", directory.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut ended = false;
        wait_until("the server takes connections", || {
            ended = server.try_wait().unwrap().is_some();
            ended || superuser(directory, port).is_ok()
        });
        if !ended {
            return (port, server);
        }
        // Another process may have taken the port.
    }
    let log = fs::read_to_string(directory.join("log")).unwrap();
    panic!("the server does not start:\n{log}");
}

fn superuser(directory: &Path, port: u16) -> Result<Client, postgres::Error> {
    Config::new()
        .host_path(directory)
        .port(port)
        .user("postgres")
        .dbname("postgres")
        .connect(NoTls)
}

fn run(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    assert!(
        status.success(),
        "{command:?}: {status}\n{}",
        String::from_utf8_lossy(&stderr)
    );
    String::from_utf8(stdout).unwrap()
}
