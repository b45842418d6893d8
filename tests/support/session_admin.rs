//! The program session-admin, and a database for one test of it.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

use postgres::{Client, NoTls};
use tokio_postgres::Config;

use super::environment::{clear, set_superuser_login};
use super::repository::files;
use super::server::{connect, quoted, superuser_config, unique_name};

/// The password of [`Database::installer`].
pub const INSTALLER_PASSWORD: &str = "installer";

/// A database for one test, with names for its schema and its roles. Dropping it drops the database and these roles.
pub struct Database {
    admin: Config,
    pub name: String,
    pub schema: String,
    pub role: String,
    /// Dropped with the database.
    more_roles: Vec<String>,
}

impl Database {
    /// Creates an empty database.
    pub fn new() -> Database {
        Database::with_role(&unique_name())
    }

    /// Creates an empty database whose store will have this role. No other test may use its name.
    pub fn with_role(role: &str) -> Database {
        let admin = superuser_config();
        let name = unique_name();
        connect(&admin)
            .batch_execute(&format!("create database {name} template template0"))
            .unwrap();
        Database {
            admin,
            name,
            schema: "web".into(),
            role: role.into(),
            more_roles: Vec::new(),
        }
    }

    /// Creates a database and installs the store.
    pub fn installed() -> Database {
        let database = Database::new();
        database.run(&["install"]).expect(0);
        database
    }

    /// Creates a role that is dropped with the database, and returns its name.
    pub fn own_role(&mut self, attributes: &str) -> String {
        let role = unique_name();
        self.superuser()
            .batch_execute(&format!("create role {role} {attributes}"))
            .unwrap();
        self.more_roles.push(role.clone());
        role
    }

    /// Creates a role with CREATEROLE that owns the database, as on a managed service, and returns its name.
    pub fn installer(&mut self) -> String {
        let role = self.own_role(&format!("login createrole password '{INSTALLER_PASSWORD}'"));
        self.superuser()
            .batch_execute(&format!("alter database {} owner to {role}", self.name))
            .unwrap();
        role
    }

    /// Fails the test unless `correct_web` changes nothing, and does not even get a transaction id.
    #[track_caller]
    pub fn assert_correct_web_writes_nothing(&self, client: &mut Client) {
        let mut transaction = client.transaction().unwrap();
        let rows = transaction
            .query("select from public.correct_web('web', $1)", &[&self.role])
            .unwrap();
        let has_id: bool = transaction
            .query_one("select pg_current_xact_id_if_assigned() is not null", &[])
            .unwrap()
            .get(0);
        assert_eq!((rows.len(), has_id), (0, false));
    }

    /// Connects as the superuser.
    pub fn superuser(&self) -> Client {
        connect(self.admin.clone().dbname(&self.name))
    }

    /// Connects as another role.
    pub fn login(&self, user: &str, password: &str) -> Result<Client, postgres::Error> {
        let mut config = self.admin.clone();
        config.dbname(&self.name).user(user).password(password);
        postgres::Config::from(config).connect(NoTls)
    }

    /// Returns true if the role can log in, and false if the SQLSTATE says that the login was refused. Another error fails the test.
    pub fn can_log_in(&self, user: &str, password: &str) -> bool {
        match self.login(user, password) {
            Ok(_) => true,
            Err(error)
                if error
                    .code()
                    .is_some_and(|code| code.code().starts_with("28")) =>
            {
                false
            }
            Err(error) => panic!("cannot log in as {user}: {error:?}"),
        }
    }

    /// Returns the program, ready to run on this database as the superuser.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare_command(arguments);
        set_superuser_login(&mut command, &self.name);
        command
            .arg(format!("--schema={}", self.schema))
            .arg(format!("--role={}", self.role));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        run(self.command(arguments))
    }

    pub fn run_with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Run {
        let mut command = self.command(arguments);
        command.envs(environment.iter().copied());
        run(command)
    }

    /// Fails the test if an install finds something to change.
    #[track_caller]
    pub fn expect_up_to_date(&self) {
        self.run(&["install"])
            .expect(0)
            .says(&["Already up to date"]);
    }

    /// Returns the role's password as it is stored.
    pub fn stored_password(&self) -> Option<String> {
        self.superuser()
            .query_one(
                "select rolpassword from pg_authid where rolname = $1::text",
                &[&self.role],
            )
            .unwrap()
            .get(0)
    }

    /// Returns everything that an install could change in this database and around it, as text.
    pub fn snapshot(&self) -> String {
        let mut client = self.superuser();
        let mut snapshot = String::new();
        for sql in [
            "select n.oid, n.nspname, n.nspowner, n.nspacl from pg_namespace as n where n.nspname !~ '^pg_(toast_)?temp'",
            "select c.oid, c.relname, c.relnamespace, c.relowner, c.relacl, c.relkind, c.reloptions, c.relhastriggers, c.relrowsecurity
                from pg_class as c where c.oid >= 16384",
            "select a.attrelid, a.attnum, a.attname, a.atttypid, a.attnotnull, a.attacl, a.atthasdef from pg_attribute as a where a.attrelid >= 16384",
            "select d.* from pg_attrdef as d",
            "select p.* from pg_proc as p where p.oid >= 16384",
            "select k.oid, k.conname, k.conrelid, pg_get_constraintdef(k.oid) from pg_constraint as k where k.oid >= 16384",
            "select t.oid, t.tgrelid, t.tgname from pg_trigger as t",
            "select d.* from pg_description as d where d.objoid >= 16384",
            "select d.* from pg_default_acl as d",
            "select d.datacl, d.datdba from pg_database as d where d.datname = current_database()",
            "select r.*, r.oid from pg_roles as r where r.rolname in ($1::text, $1::text || '_owner')",
            "select m.* from pg_auth_members as m join pg_roles as r on r.oid in (m.roleid, m.member) where r.rolname in ($1::text, $1::text || '_owner')",
        ] {
            // Some of them do not use $1, and it must have a type in all.
            let sql = format!("select x::text from ({sql}) as x where $1::text is not null order by 1");
            for row in client.query(&sql, &[&self.role]).unwrap() {
                snapshot.push_str(row.get(0));
                snapshot.push('\n');
            }
            snapshot.push_str("--\n");
        }
        snapshot
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let mut client = connect(&self.admin);
        let _ = client.batch_execute(&format!("drop database {} with (force)", self.name));
        let roles = [self.role.clone(), format!("{}_owner", self.role)];
        for role in roles.iter().chain(&self.more_roles) {
            // Another database of the same test may still use the role, and the last one drops it.
            let _ = client.batch_execute(&format!("drop role if exists {}", quoted(role)));
        }
    }
}

/// A finished run of the program.
pub struct Run {
    command: String,
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Run {
    /// Fails the test, and shows all output, if the exit status is another one.
    #[track_caller]
    pub fn expect(self, code: i32) -> Run {
        assert!(
            self.code == Some(code),
            "expected exit status {code} of\n{self}"
        );
        self
    }

    /// Fails the test if a text is in neither output.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Run {
        for text in texts {
            assert!(
                self.out.contains(text) || self.err.contains(text),
                "no {text:?} in\n{self}"
            );
        }
        self
    }

    /// Fails the test if the text is in an output.
    #[track_caller]
    pub fn hides(self, text: &str) -> Run {
        assert!(
            !self.out.contains(text) && !self.err.contains(text),
            "{text:?} in\n{self}"
        );
        self
    }

    /// Parses the standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("no JSON ({error}):\n{self}"))
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Run {
            command,
            code,
            out,
            err,
        } = self;
        write!(
            f,
            "{command}\nstatus: {code:?}\nstdout:\n{out}\nstderr:\n{err}"
        )
    }
}

/// Returns the variables by which [`Database::installer`] logs in.
pub fn installer_login(installer: &str) -> [(&'static str, &str); 2] {
    [("PGUSER", installer), ("PGPASSWORD", INSTALLER_PASSWORD)]
}

/// Returns the program without a server.
pub fn bare_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_session-admin"));
    clear(&mut command);
    // The developer's password file must not be read.
    command
        .env("HOME", "/nonexistent")
        .args(arguments)
        .stdin(Stdio::null());
    command
}

pub fn run(mut command: Command) -> Run {
    let shown = format!("{command:?}");
    finish(shown, command.output().unwrap())
}

/// Runs the program with this standard input.
pub fn run_with_input(mut command: Command, input: &[u8]) -> Run {
    let shown = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read all of it may close the pipe early.
    let _ = child.stdin.take().unwrap().write_all(input);
    finish(shown, child.wait_with_output().unwrap())
}

/// Starts the program, and returns while it runs.
pub fn start(mut command: Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

pub fn end(child: Child) -> Run {
    finish(
        "a program that was started".into(),
        child.wait_with_output().unwrap(),
    )
}

fn finish(command: String, output: Output) -> Run {
    Run {
        command,
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Returns the newest release that the program contains.
pub fn newest_release() -> usize {
    files("sql/released", "sql").len()
}
