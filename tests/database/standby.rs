//! On a hot standby, calls that only read succeed. Calls that write fail with 25006, by which a client notices that its primary
//! was demoted.
//!
//! `pg_basebackup` makes the standby from the server of this run. Where it cannot (a server on another machine, no privilege to
//! replicate), the test is skipped.

use std::{
    env, fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use crate::support::raw_store::{Calls, RawStore, code_of, key_of};
use crate::support::skip::skip;
use crate::support::wait::wait_until;
use postgres::{Client, Config, Error, NoTls};

/// A second server that replays what the first writes. Dropping it removes it.
struct Standby {
    directory: PathBuf,
    server: Child,
}

impl Standby {
    /// Copies the server of this run. Returns the reason if it cannot.
    fn start() -> Result<Self, String> {
        let programs = env::var("PG_BINDIR")
            .map_err(|_| "PG_BINDIR is not set: not under bin/with-pg".to_owned())?;
        let programs = Path::new(&programs);
        let directory = env::temp_dir().join(format!("connect_pg_standby_{}", std::process::id()));
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&directory)
            .map_err(|e| e.to_string())?;
        let data = directory.join("data");
        let copied = Command::new(programs.join("pg_basebackup"))
            .args([
                "--checkpoint=fast",
                "--wal-method=stream",
                "--write-recovery-conf",
                "--no-sync",
            ])
            .arg("--no-password")
            .arg("--pgdata")
            .arg(&data)
            .output();
        if let Err(reason) = succeeded(copied) {
            fs::remove_dir_all(&directory).ok();
            return Err(format!("pg_basebackup: {reason}"));
        }

        // The primary's file may be changed by another test at this moment. The directory is private, so `trust` is safe.
        fs::write(data.join("pg_hba.conf"), "local all all trust\n").map_err(|e| e.to_string())?;

        // PostgreSQL refuses to run as root.
        let mut command =
            if succeeded(Command::new("id").arg("-u").output()).is_ok_and(|id| id.trim() == "0") {
                succeeded(
                    Command::new("chown")
                        .arg("-R")
                        .arg("postgres:")
                        .arg(&directory)
                        .output(),
                )?;
                let mut command = Command::new("setpriv");
                command
                    .args([
                        "--reuid=postgres",
                        "--regid=postgres",
                        "--init-groups",
                        "--pdeathsig=QUIT",
                        "--",
                    ])
                    .arg(programs.join("postgres"));
                command
            } else {
                Command::new(programs.join("postgres"))
            };
        let server = command
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=", "-c", "logging_collector=off"])
            .arg("-c")
            .arg(format!("unix_socket_directories={}", directory.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.join("log")).map_err(|e| e.to_string())?)
            .spawn()
            .map_err(|e| e.to_string())?;
        Ok(Self { directory, server })
    }

    /// Connects as the superuser once the server accepts connections.
    fn connect(&mut self, database: &str) -> Client {
        let mut config = Config::new();
        config
            .host_path(&self.directory)
            .port(env::var("PGPORT").map_or(5432, |port| port.parse().unwrap()))
            .user(&env::var("PGUSER").unwrap_or_else(|_| "postgres".to_owned()))
            .dbname(database);
        let mut client = None;
        wait_until("the standby takes connections", || {
            if let Some(status) = self.server.try_wait().unwrap() {
                let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
                panic!("the standby ended, {status}:\n{log}");
            }
            client = config.connect(NoTls).ok();
            client.is_some()
        });
        client.unwrap()
    }
}

impl Drop for Standby {
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

/// Returns the output of a command, or its errors if it failed.
fn succeeded(output: std::io::Result<Output>) -> Result<String, String> {
    let output = output.map_err(|e| e.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn standby_reads_and_refuses_writes() {
    let store = RawStore::new();
    let mut primary = store.nodepg();
    for id in ["fresh", "due", "expired", "ended"] {
        assert!(primary.create(id, id).unwrap());
    }
    assert!(primary.end("ended").unwrap());
    let mut superuser = store.superuser();
    for (id, assignment) in [
        ("due", "slide_at = now() - interval '1 second'"),
        (
            "expired",
            "slide_at = now() - interval '2 seconds', expires_at = now() - interval '1 second'",
        ),
    ] {
        superuser
            .execute(
                &format!("update web.session set {assignment} where key = $1"),
                &[&key_of(id)],
            )
            .unwrap();
    }

    let mut server = match Standby::start() {
        Ok(server) => server,
        Err(reason) => {
            skip(&reason);
            return;
        }
    };
    let mut standby = server.connect(store.database());
    let written: String = superuser
        .query_one("select pg_current_wal_lsn()::text", &[])
        .unwrap()
        .get(0);
    wait_until("the standby has caught up", || {
        standby
            .query_one(
                "select pg_last_wal_replay_lsn() >= $1::text::pg_lsn",
                &[&written],
            )
            .unwrap()
            .get(0)
    });
    assert!(
        standby
            .query_one("select pg_is_in_recovery()", &[])
            .unwrap()
            .get::<_, bool>(0)
    );
    store.become_nodepg(&mut standby);

    assert_eq!(standby.load("fresh").unwrap().unwrap().data, "fresh");
    assert!(standby.touch("fresh").unwrap().is_some());
    for id in ["fresh", "due"] {
        assert_eq!(standby.peek(id).unwrap().unwrap().data, id);
        assert_eq!(standby.get(id).unwrap().as_deref(), Some(id));
    }
    for id in ["expired", "ended", "unknown"] {
        assert_eq!(standby.load(id).unwrap(), None);
        assert_eq!(standby.get(id).unwrap(), None);
        assert_eq!(standby.touch(id).unwrap(), None);
    }
    assert_eq!(standby.count().unwrap(), 2);

    let refused: [(&str, Result<(), Error>); 9] = [
        ("a due load", standby.load("due").map(drop)),
        ("a due touch", standby.touch("due").map(drop)),
        ("create", standby.create("new", "{}").map(drop)),
        ("save", standby.save("fresh", "new", None).map(drop)),
        ("end", standby.end("fresh").map(drop)),
        ("set", standby.set("fresh", "new")),
        ("destroy", standby.destroy("fresh")),
        ("prune", standby.prune(10).map(drop)),
        ("clear", standby.clear()),
    ];
    for (what, result) in refused {
        let error = result.expect_err(what);
        assert_eq!(code_of(&error), "25006", "{what}: {error:?}");
    }

    // After the promotion it accepts writes.
    let mut superuser = server.connect(store.database());
    superuser.query_one("select pg_promote()", &[]).unwrap();
    let mut promoted = server.connect(store.database());
    store.become_nodepg(&mut promoted);
    assert_eq!(promoted.load("due").unwrap().unwrap().data, "due");
    assert!(promoted.save("fresh", "new", Some(1)).unwrap().is_saved());
    assert!(promoted.end("fresh").unwrap());
}
