//! For programs that log in as the runtime role as it is done in earnest: over TCP, with a password.

use std::env;
use std::process::Command;

use postgres::config::Host;

use crate::support::test_database::TestDatabase;

/// Where the test's server listens: host and port.
pub fn address(database: &TestDatabase) -> (String, u16) {
    let config = database.config();
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        // A server that we reach by its socket is on this machine.
        _ => "127.0.0.1".to_owned(),
    };
    (host, config.get_ports().first().copied().unwrap_or(5432))
}

/// Sets the variables that libpq, node-postgres and our own client read, but for `PGPASSWORD`; removes what there is of the
/// superuser.
pub fn set_environment(command: &mut Command, database: &TestDatabase) {
    for (name, _) in env::vars_os() {
        if name == "DATABASE_URL" || name.to_str().is_some_and(|name| name.starts_with("PG")) {
            command.env_remove(name);
        }
    }
    let (host, port) = address(database);
    command
        .env("PGHOST", host)
        .env("PGPORT", port.to_string())
        .env("PGDATABASE", &database.name)
        .env("PGUSER", &database.role);
}
