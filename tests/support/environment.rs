//! The variables by which a child process connects: those of libpq, node-postgres and this client.

use std::env;
use std::process::Command;

use postgres::config::Host;

use super::server::superuser_config;

/// Removes every variable that names a server, so that the child does not connect as the superuser of the tests.
pub fn clear(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name == "DATABASE_URL" || name.to_str().is_some_and(|name| name.starts_with("PG")) {
            command.env_remove(name);
        }
    }
}

/// Returns host and port where the server accepts logins with a password.
pub fn tcp_address() -> (String, u16) {
    let config = superuser_config();
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        // A server that is reached by its socket is on this machine.
        _ => "127.0.0.1".to_owned(),
    };
    (host, config.get_ports().first().copied().unwrap_or(5432))
}

/// Sets all variables but `PGPASSWORD` for a login by TCP.
pub fn set_tcp_login(command: &mut Command, database: &str, user: &str) {
    clear(command);
    let (host, port) = tcp_address();
    command
        .env("PGHOST", host)
        .env("PGPORT", port.to_string())
        .env("PGDATABASE", database)
        .env("PGUSER", user);
}

/// Sets all variables for a login as the superuser of the tests.
#[cfg(feature = "admin")]
pub fn set_superuser_login(command: &mut Command, database: &str) {
    clear(command);
    let config = superuser_config();
    let host = match &config.get_hosts()[0] {
        Host::Tcp(name) => name.clone(),
        Host::Unix(directory) => directory.display().to_string(),
    };
    command
        .env("PGHOST", host)
        .env("PGPORT", config.get_ports()[0].to_string())
        .env("PGUSER", config.get_user().unwrap())
        .env("PGDATABASE", database);
    if let Some(password) = config.get_password() {
        command.env("PGPASSWORD", String::from_utf8(password.to_vec()).unwrap());
    }
}
