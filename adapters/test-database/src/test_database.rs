use std::env;
use std::fmt::Write as _;
use std::process::Command;

use connect_pg::postgres::types::FromSqlOwned;
use connect_pg::postgres::{Client, Config, NoTls, config::Host};
use connect_pg::{ConnectionSettings, SessionId, Store};

use crate::application::session_admin;
use crate::store_template::StoreTemplate;
use crate::wait::wait_until;

/// A database with the store in the schema `web`. Dropping it drops the database. No other test uses its roles at the same time.
pub struct TestDatabase {
    admin: Config,
    /// What the store was copied from. Its roles are those of the copy.
    template: StoreTemplate,
    /// The name of the database.
    pub name: String,
    /// The password of the runtime role.
    pub password: String,
}

impl TestDatabase {
    /// Creates a database and a runtime role of its own, and installs the store.
    #[must_use]
    #[track_caller]
    pub fn new() -> TestDatabase {
        let settings = ConnectionSettings::from_env().and_then(|settings| settings.to_config());
        let admin = settings.unwrap_or_else(|error| {
            panic!("{error}: run the tests by `bin/with-pg cargo nextest run --workspace`")
        });
        let admin = Config::from(admin);
        let connect_to = |database: Option<&str>| connect(&admin, database.unwrap_or("postgres"));
        let template = StoreTemplate::take(connect_to, "web", "UTF8");
        let (name, password) = (unique_name(), unique_name());
        template.copy(&name, &password);
        TestDatabase {
            admin,
            template,
            name,
            password,
        }
    }

    /// Returns the runtime role. A test may change it: the next one gets another.
    #[must_use]
    pub fn role(&self) -> &str {
        &self.template.name
    }

    /// Connects as the superuser.
    #[must_use]
    pub fn superuser(&self) -> Client {
        connect(&self.admin, &self.name)
    }

    /// Runs statements as the superuser.
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        self.superuser().batch_execute(sql).unwrap();
    }

    /// Returns the value of a query that has one row and one column.
    #[must_use]
    #[track_caller]
    pub fn value<T: FromSqlOwned>(&self, sql: &str) -> T {
        self.superuser().query_one(sql, &[]).unwrap().get(0)
    }

    /// Returns the number of live sessions.
    #[must_use]
    pub fn live_sessions(&self) -> i32 {
        self.value("select web.count_sessions()")
    }

    /// Returns host and port where the server accepts logins with a password.
    #[must_use]
    pub fn tcp_address(&self) -> (String, u16) {
        let host = match self.admin.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            // A server that is reached by its socket is on this machine.
            _ => "127.0.0.1".to_owned(),
        };
        let port = self.admin.get_ports().first();
        (host, port.copied().unwrap_or(5432))
    }

    /// Returns how the runtime role connects, with its password.
    #[must_use]
    pub fn url(&self) -> String {
        let (host, port) = self.tcp_address();
        let (role, name, password) = (self.role(), &self.name, &self.password);
        format!("postgresql://{role}:{password}@{host}:{port}/{name}?sslmode=disable")
    }

    /// Sets the variables by which a program logs in as the runtime role, without its password. Removes all others.
    pub fn set_login(&self, command: &mut Command) {
        for (name, _) in env::vars_os() {
            if name == "DATABASE_URL" || name.to_str().is_some_and(|name| name.starts_with("PG")) {
                command.env_remove(name);
            }
        }
        let (host, port) = self.tcp_address();
        command
            .env("PGHOST", host)
            .env("PGPORT", port.to_string())
            .env("PGDATABASE", &self.name)
            .env("PGUSER", self.role());
    }

    /// Runs session-admin as the superuser, and returns what it prints. It must succeed.
    #[must_use]
    #[track_caller]
    pub fn session_admin(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(session_admin());
        self.set_login(&mut command);
        let host = match self.admin.get_hosts().first() {
            Some(Host::Tcp(name)) => name.into(),
            #[cfg(unix)]
            Some(Host::Unix(directory)) => directory.clone().into_os_string(),
            _ => self.tcp_address().0.into(),
        };
        command
            .args(arguments)
            .args(["--role", self.role()])
            .env("PGHOST", host)
            .env("PGUSER", self.admin.get_user().unwrap_or("postgres"));
        if let Some(password) = self.admin.get_password() {
            command.env("PGPASSWORD", String::from_utf8_lossy(password).as_ref());
        }
        let output = command.output().unwrap();
        let [out, err] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success(), "{arguments:?}: {out}{err}");
        out
    }

    /// Connects a store as the runtime role.
    #[must_use]
    #[track_caller]
    pub fn store(&self) -> Store {
        Store::connect(&self.url()).unwrap()
    }

    /// Ends the runtime role's connections, as a restart of the server does.
    pub fn terminate_connections(&self) {
        self.superuser()
            .execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = $1",
                &[&self.role()],
            )
            .unwrap();
    }

    /// Refuses new connections of the runtime role and ends the present ones, or accepts them again.
    pub fn set_available(&self, available: bool) {
        let limit = if available { -1 } else { 0 };
        self.execute(&format!(
            "alter database {} connection limit {limit}",
            self.name
        ));
        if !available {
            self.terminate_connections();
        }
    }

    /// Waits until so many connections of the runtime role wait for a lock.
    #[track_caller]
    pub fn wait_until_blocked(&self, connections: i64) {
        let mut client = self.superuser();
        wait_until("connections of the runtime role wait for a lock", || {
            let row = client.query_one(
                "select count(*) from pg_stat_activity where usename = $1 and wait_event_type = 'Lock'",
                &[&self.role()],
            );
            row.unwrap().get::<_, i64>(0) >= connections
        });
    }
}

impl Default for TestDatabase {
    fn default() -> TestDatabase {
        TestDatabase::new()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        connect(&self.admin, "postgres")
            .batch_execute(&format!("drop database {} with (force)", self.name))
            .unwrap();
    }
}

fn connect(admin: &Config, database: &str) -> Client {
    let mut config = admin.clone();
    config.dbname(database).connect(NoTls).unwrap()
}

/// Returns a name for a database, a role or a file that no other test uses. It is long enough for a password.
#[must_use]
pub fn unique_name() -> String {
    let key = SessionId::generate().unwrap().key();
    key.as_bytes()[..12]
        .iter()
        .fold("connect_pg_test_".to_owned(), |mut name, byte| {
            let _ = write!(name, "{byte:02x}");
            name
        })
}
