//! A rotation of the password beside applications that work: `password_file` of the client, `--password-file`, `--terminate`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use connect_pg::{SaveOutcome, SessionAttributes, Store, StoreBuilder};
use postgres::config::Host;
use postgres::{Client, NoTls};

use crate::support::fresh_server::FreshServer;
use crate::support::server::{connect, superuser_config, unique_name, value};
use crate::support::session_admin::{Database, Run, bare_command, end, run, run_with_input, start};
use crate::support::skip::skip;
use crate::support::temporary_directory::TemporaryDirectory;
use crate::support::wait::wait_until;

const WORKERS: usize = 8;
const ROTATIONS: usize = 50;

/// More than a busy machine needs for anything.
const NO_LIMIT: Duration = Duration::from_secs(600);

/// Returns a builder whose connections live for 100 ms.
fn builder<S>(
    builder: StoreBuilder<S>,
    database: &Database,
    file: &str,
    by_config: bool,
) -> StoreBuilder<S> {
    let mut config = superuser_config();
    config
        .dbname(&database.name)
        .user(&database.role)
        .connect_timeout(NO_LIMIT);
    let builder = if by_config {
        builder.config(config)
    } else {
        let host = match &config.get_hosts()[0] {
            Host::Tcp(name) => name.clone(),
            Host::Unix(directory) => directory.display().to_string(),
        };
        let (name, role, port) = (&database.name, &database.role, config.get_ports()[0]);
        builder.database_url(&format!(
            "host={host} port={port} dbname={name} user={role} connect_timeout=600"
        ))
    };
    builder
        .password_file(file)
        .connection_max_lifetime(Duration::from_millis(100))
        .pool_timeout(NO_LIMIT)
        .call_timeout(NO_LIMIT)
        .pool_size(u32::try_from(WORKERS).unwrap())
}

fn rotate(database: &Database, file: &str) -> String {
    database
        .run(&["rotate-password", "--output", file])
        .expect(0);
    let password = fs::read_to_string(file).unwrap();
    password.strip_suffix('\n').unwrap().to_owned()
}

/// Rotates again and again. `is_over` is set at the end, also if a rotation fails.
fn rotate_often(database: &Database, file: &str, is_over: &AtomicBool) -> Vec<String> {
    struct SetOnDrop<'a>(&'a AtomicBool);
    impl Drop for SetOnDrop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let _set = SetOnDrop(is_over);
    (0..ROTATIONS).map(|_| rotate(database, file)).collect()
}

fn assert_only_last_is_in_force(database: &Database, passwords: &[String]) {
    let (last, old) = passwords.split_last().unwrap();
    for password in old {
        assert!(!database.can_log_in(&database.role, password));
    }
    assert!(database.can_log_in(&database.role, last));
}

/// How long a worker does nothing. Logins compute much, and the rotations need the processor too.
const PAUSE: Duration = Duration::from_secs(1);

/// Works until the rotations are over. Returns the number of calls.
fn work(store: &Store, is_over: &AtomicBool) -> Result<usize, connect_pg::Error> {
    let attributes = SessionAttributes::new();
    let mut calls = 0;
    while !is_over.load(Ordering::SeqCst) {
        let mut session = store.create(0, &attributes)?;
        session.data = 1;
        assert_eq!(store.save(&mut session)?, SaveOutcome::Saved);
        let loaded = store.load::<i32>(session.id())?;
        assert_eq!(loaded.map(|session| session.data), Some(1));
        assert!(store.end(session.id())?);
        calls += 4;
        thread::sleep(PAUSE);
    }
    Ok(calls)
}

/// Works as [`work`] does.
#[cfg(feature = "tokio")]
async fn work_async(
    store: Arc<connect_pg::tokio::Store>,
    is_over: Arc<AtomicBool>,
) -> Result<usize, connect_pg::Error> {
    let attributes = SessionAttributes::new();
    let mut calls = 0;
    while !is_over.load(Ordering::SeqCst) {
        let mut session = store.create(0, &attributes).await?;
        session.data = 1;
        assert_eq!(store.save(&mut session).await?, SaveOutcome::Saved);
        let loaded = store.load::<i32>(session.id()).await?;
        assert_eq!(loaded.map(|session| session.data), Some(1));
        assert!(store.end(session.id()).await?);
        calls += 4;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(calls)
}

// Eight threads and eight tasks, whose connections live for 100 ms.
#[test]
fn rotations_fail_no_call() {
    let database = Database::installed();
    let directory = TemporaryDirectory::new();
    let file = directory.file("password");
    let mut passwords = vec![rotate(&database, &file)];
    let is_over = Arc::new(AtomicBool::new(false));
    #[cfg(feature = "tokio")]
    let runtime = tokio::runtime::Runtime::new().unwrap();
    #[cfg(feature = "tokio")]
    let tasks: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let store = connect_pg::tokio::Store::builder();
            let store = builder(store, &database, &file, worker % 2 == 0);
            let store = Arc::new(runtime.block_on(store.connect()).unwrap());
            runtime.spawn(work_async(store, Arc::clone(&is_over)))
        })
        .collect();
    let stores: Vec<Store> = (0..WORKERS)
        .map(|worker| {
            let store = builder(Store::builder(), &database, &file, worker % 2 == 0);
            store.connect().unwrap()
        })
        .collect();
    thread::scope(|scope| {
        let workers: Vec<_> = stores
            .iter()
            .map(|store| scope.spawn(|| work(store, &is_over)))
            .collect();
        passwords.extend(rotate_often(&database, &file, &is_over));
        for worker in workers {
            assert!(worker.join().unwrap().unwrap() > 0);
        }
    });
    #[cfg(feature = "tokio")]
    for task in tasks {
        assert!(runtime.block_on(task).unwrap().unwrap() > 0);
    }
    assert_only_last_is_in_force(&database, &passwords);
    assert_eq!(directory.file_names(), ["password"]);
}

// The whole rotation is between the client's read of the file and its login.
#[test]
fn connect_that_read_the_old_file_succeeds() {
    let Some(own) = OwnServer::new(&[]) else {
        return;
    };
    let attempts: [fn(&str, &str); 2] = [
        |url, file| {
            let store = Store::builder().database_url(url).password_file(file);
            assert_eq!(store.connect().unwrap().count().unwrap(), 0);
        },
        |url, file| {
            let config = url.parse().unwrap();
            let store = Store::builder().config(config).password_file(file);
            assert_eq!(store.connect().unwrap().count().unwrap(), 0);
        },
    ];
    for attempt in attempts {
        own.rotate();
        let (held, reported) = HeldSocket::new(&own.server.directory, HeldMessage::Startup);
        let url = held.url();
        let file = own.file.clone();
        let connecting = thread::spawn(move || attempt(&url, &file));
        reported.recv().unwrap();
        own.rotate();
        held.release.send(()).unwrap();
        connecting.join().unwrap();
    }
    #[cfg(feature = "tokio")]
    {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (held, reported) = HeldSocket::new(&own.server.directory, HeldMessage::Startup);
        let store = connect_pg::tokio::Store::builder();
        let store = store.database_url(&held.url()).password_file(&own.file);
        let connecting = runtime.spawn(async move { store.connect().await?.count().await });
        reported.recv().unwrap();
        own.rotate();
        held.release.send(()).unwrap();
        assert_eq!(runtime.block_on(connecting).unwrap().unwrap(), 0);
    }
}

// Both states that a crash can leave, and every way to connect.
#[test]
fn file_of_unfinished_rotation_serves_clients_and_the_next_rotation() {
    let database = Database::installed();
    let directory = TemporaryDirectory::new();
    let file = directory.file("password");
    let mut expected = Vec::new();
    for server_has_the_new_one in [false, true] {
        let in_force = rotate(&database, &file);
        let other = "the password of the other side";
        let lines = if server_has_the_new_one {
            [other, &in_force]
        } else {
            [&in_force, other]
        };
        fs::write(&file, format!("{}\n{}\n", lines[0], lines[1])).unwrap();
        for by_config in [false, true] {
            let store = builder(Store::builder(), &database, &file, by_config);
            assert_eq!(store.connect().unwrap().count().unwrap(), 0);
            #[cfg(feature = "tokio")]
            {
                let store = connect_pg::tokio::Store::builder();
                let store = builder(store, &database, &file, by_config);
                let runtime = tokio::runtime::Runtime::new().unwrap();
                let count = runtime.block_on(async { store.connect().await?.count().await });
                assert_eq!(count.unwrap(), 0);
            }
        }
        // The role itself can rotate by the same file.
        let as_itself = [("PGUSER", database.role.as_str())];
        let arguments = [
            "rotate-password",
            "--password-file",
            &file,
            "--output",
            &file,
        ];
        database.run_with(&as_itself, &arguments).expect(0);
        expected.push(in_force);
        let content = fs::read_to_string(&file).unwrap();
        assert_eq!(content.lines().count(), 1, "{content}");
    }
    expected.push(fs::read_to_string(&file).unwrap().trim().to_owned());
    assert_only_last_is_in_force(&database, &expected);
}

#[test]
fn file_with_too_many_passwords_is_refused() {
    let database = Database::installed();
    let directory = TemporaryDirectory::new();
    let file = directory.file("password");
    let before = database.stored_password();
    let content = "a\nb\nc\nd\ne\nf\ng\nh\n";
    fs::write(&file, content).unwrap();
    database
        .run(&["rotate-password", "--output", &file])
        .expect(2)
        .says(&["has 8 passwords", "nothing was changed", "Hint: remove"]);
    assert_eq!(database.stored_password(), before);
    assert_eq!(fs::read_to_string(&file).unwrap(), content);
    assert_eq!(directory.file_names(), ["password"]);
}

#[test]
fn concurrent_rotations_leave_the_password_in_force() {
    let database = Database::installed();
    let directory = TemporaryDirectory::new();
    let file = directory.file("password");
    for _ in 0..5 {
        let children: Vec<Child> = (0..4)
            .map(|_| start(database.command(&["rotate-password", "--output", &file])))
            .collect();
        // Of two that change one role at once, the server may refuse the second.
        let codes: Vec<Option<i32>> = children.into_iter().map(|child| end(child).code).collect();
        assert!(codes.contains(&Some(0)), "{codes:?}");
        assert!(codes.iter().all(|code| matches!(code, Some(0 | 2))));
        let content = fs::read_to_string(&file).unwrap();
        assert_eq!(content.lines().count(), 1, "{content}");
        assert!(database.can_log_in(&database.role, content.trim()));
        assert_eq!(directory.file_names(), ["password"]);
    }
}

#[test]
fn prune_with_password_file_survives_rotations() {
    let database = Database::installed();
    let directory = TemporaryDirectory::new();
    let file = directory.file("password");
    let prune = || {
        database.run_with(
            &[("PGUSER", &database.role)],
            &["prune", "--password-file", &file],
        )
    };
    prune().expect(2).says(&[&file, "cannot be read"]);
    for _ in 0..3 {
        let password = rotate(&database, &file);
        prune().expect(0).hides(&password);
    }
    // In the middle of a rotation.
    let password = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("old\n{password}")).unwrap();
    prune().expect(0);
    fs::write(&file, "wrong\n").unwrap();
    prune()
        .expect(2)
        .says(&["28P01", "the password came from the file", &file])
        .hides("wrong");
}

#[test]
fn password_is_printed_for_programs() {
    let database = Database::installed();
    let json = database
        .run(&["rotate-password", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(json["role"], database.role);
    assert_eq!(json["settings"], serde_json::json!([]));
    assert!(database.can_log_in(&database.role, json["password"].as_str().unwrap()));

    let env = database
        .run(&["rotate-password", "--format", "env"])
        .expect(0);
    let [user, password] = env.out.lines().collect::<Vec<_>>()[..] else {
        panic!("{env}");
    };
    assert_eq!(user, format!("PGUSER={}", database.role));
    let password = password.strip_prefix("PGPASSWORD=").unwrap();
    assert!(!env.err.contains(password));
    assert!(database.can_log_in(&database.role, password));
    // A shell reads it as it is.
    let shell = Command::new("sh")
        .args([
            "-c",
            "eval \"$1\"; printf %s \"$PGPASSWORD\"",
            "sh",
            &env.out,
        ])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(shell.stdout).unwrap(), password);

    let before = database.stored_password();
    let directory = TemporaryDirectory::new();
    let file = directory.file("password");
    for refused in [
        &["rotate-password", "--format", "env", "--output", &file][..],
        &["rotate-password", "--format", "env", "--stdin"],
        &["status", "--format", "env"],
        &["rotate-password", "--format", "prometheus"],
    ] {
        database.run(refused).expect(2).says(&["Hint:"]);
    }
    assert_eq!(database.stored_password(), before);
    assert!(directory.file_names().is_empty());
}

#[test]
fn variables_are_refused_for_a_name_that_needs_quotes() {
    let role = format!("{} $(x)", unique_name());
    let database = Database::with_role(&role);
    database.run(&["install"]).expect(0);
    let before = database.stored_password();
    database
        .run(&["rotate-password", "--format", "env"])
        .expect(2)
        .says(&["Hint: use --format json"]);
    assert_eq!(database.stored_password(), before);
    let json = database.run(&["rotate-password", "--format", "json"]);
    let json = json.expect(0).json();
    assert!(database.can_log_in(&role, json["password"].as_str().unwrap()));
}

/// A server of its own with the store in its database `postgres`. Servers of this run are shared with other tests.
struct OwnServer {
    server: FreshServer,
    admin: Client,
    directory: TemporaryDirectory,
    file: String,
}

const ROLE: &str = "nodepg";

impl OwnServer {
    /// Returns None, and reports that the test is skipped, if there are no programs of a server.
    fn new(settings: &[&str]) -> Option<OwnServer> {
        let mut server = match FreshServer::new(settings) {
            Ok(server) => server,
            Err(reason) => {
                skip(&reason);
                return None;
            }
        };
        server.session_admin("postgres", &["install"]).expect(0);
        let admin = server.connect("postgres");
        let directory = TemporaryDirectory::new();
        let file = directory.file("password");
        Some(OwnServer {
            server,
            admin,
            directory,
            file,
        })
    }

    fn command(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Command {
        let mut command = bare_command(arguments);
        self.server.set_login(&mut command, "postgres");
        command.envs(environment.iter().copied());
        command
    }

    fn run(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Run {
        run(self.command(environment, arguments))
    }

    fn rotate(&self) -> String {
        self.run(&[], &["rotate-password", "--output", &self.file])
            .expect(0);
        self.password()
    }

    /// Returns the password of the file, which has one.
    fn password(&self) -> String {
        let content = fs::read_to_string(&self.file).unwrap();
        content.strip_suffix('\n').unwrap().to_owned()
    }

    fn login(&self, user: &str, password: &str) -> Result<Client, postgres::Error> {
        login(&self.server.directory, user, password)
    }

    /// Returns true if the client logs in by the file.
    fn file_logs_in(&self) -> bool {
        let url = format!(
            "host={} port=5432 dbname=postgres user={ROLE}",
            self.server.directory.display()
        );
        let store = Store::builder()
            .database_url(&url)
            .password_file(&self.file);
        store.connect().is_ok()
    }

    fn stored_password(&mut self) -> String {
        value(
            &mut self.admin,
            "select rolpassword from pg_authid where rolname = 'nodepg'",
        )
    }
}

fn login(directory: &Path, user: &str, password: &str) -> Result<Client, postgres::Error> {
    postgres::Config::new()
        .host_path(directory)
        .port(5432)
        .dbname("postgres")
        .user(user)
        .password(password)
        .connect(NoTls)
}

fn is_open(client: &mut Client) -> bool {
    client.simple_query("select 1").is_ok()
}

// The commit waits for a standby that does not exist, so the program can be killed there.
#[test]
fn killed_rotation_leaves_both_passwords() {
    let Some(mut own) = OwnServer::new(&[]) else {
        return;
    };
    let file = own.file.clone();
    let old = own.rotate();
    let set_standby = |own: &mut OwnServer, name: &str| {
        own.admin
            .batch_execute(&format!(
                "alter system set synchronous_standby_names = '{name}'"
            ))
            .unwrap();
        own.admin.batch_execute("select pg_reload_conf()").unwrap();
        wait_until("the server has the setting", || {
            let present: String = value(&mut own.admin, "show synchronous_standby_names");
            present == name
        });
    };
    let waits = "select exists (select from pg_stat_activity where wait_event = 'SyncRep')";
    for end_by in ["kill", "terminate"] {
        set_standby(&mut own, "nobody");
        let mut child = start(own.command(&[], &["rotate-password", "--output", &file]));
        wait_until("the commit waits", || value(&mut own.admin, waits));
        let lines: Vec<String> = fs::read_to_string(&file)
            .unwrap()
            .lines()
            .map(ToOwned::to_owned)
            .collect();
        assert_eq!(lines.len(), 2, "the old and the new password");
        assert!(own.file_logs_in(), "the server has the old password");
        if end_by == "kill" {
            child.kill().unwrap();
            end(child);
        } else {
            let terminate = "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'";
            own.admin.batch_execute(terminate).unwrap();
            end(child)
                .expect(2)
                .says(&["did not say", "has the old and the new one", "run it again"])
                .hides(&lines[0])
                .hides(&lines[1]);
        }
        set_standby(&mut own, "");
        wait_until("the commit is done", || {
            !value::<bool>(&mut own.admin, waits) && own.login(ROLE, &lines[1]).is_ok()
        });
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 2);
        assert!(own.file_logs_in(), "the server has the new password");
        assert!(own.login(ROLE, &lines[0]).is_err());
        let replaced = own.rotate();
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1);
        assert!(own.login(ROLE, &replaced).is_ok());
        assert!(own.login(ROLE, &lines[1]).is_err());
    }
    assert!(own.login(ROLE, &old).is_err());
    assert_eq!(own.directory.file_names(), ["password"]);
}

/// Which message of the client waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HeldMessage {
    /// The first, when the client has read the password.
    Startup,
    /// The client's proof of the password, when the server has read the verifier.
    Proof,
}

/// A socket that leads to a server. The first connection stands still until it is released.
struct HeldSocket {
    release: mpsc::Sender<()>,
    directory: TemporaryDirectory,
}

impl HeldSocket {
    /// Makes the socket. The receiver gets a message when the connection stands still.
    fn new(server: &Path, message: HeldMessage) -> (HeldSocket, mpsc::Receiver<()>) {
        let directory = TemporaryDirectory::new();
        let listener = UnixListener::bind(directory.path().join(".s.PGSQL.5432")).unwrap();
        let (release, released) = mpsc::channel();
        let (report, reported) = mpsc::channel();
        let socket = server.join(".s.PGSQL.5432");
        // The threads end with their connection or with the process.
        thread::spawn(move || {
            let mut hold = Some((message, report, released));
            for client in listener.incoming() {
                let server = UnixStream::connect(&socket).unwrap();
                let hold = hold.take();
                thread::spawn(move || pump(client.unwrap(), server, hold));
            }
        });
        (HeldSocket { release, directory }, reported)
    }

    fn url(&self) -> String {
        let directory = self.directory.path().display();
        format!("host={directory} port=5432 dbname=postgres user={ROLE} connect_timeout=600")
    }
}

/// Passes messages on. Holds one of them.
fn pump(
    mut client: UnixStream,
    mut server: UnixStream,
    mut hold: Option<(HeldMessage, mpsc::Sender<()>, mpsc::Receiver<()>)>,
) {
    let (mut down_from, mut down_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut down_from, &mut down_to);
        let _ = down_to.shutdown(Shutdown::Both);
    });
    // The startup message has no type. Then: SASLInitialResponse, SASLResponse, both of type p.
    let mut head = vec![0; 4];
    let mut messages = 0;
    while client.read_exact(&mut head).is_ok() {
        let length = u32::from_be_bytes(head[head.len() - 4..].try_into().unwrap());
        let mut body = vec![0; length as usize - 4];
        if client.read_exact(&mut body).is_err() {
            break;
        }
        messages += 1;
        let is_held = hold.as_ref().is_some_and(|(message, ..)| match message {
            HeldMessage::Startup => messages == 1,
            HeldMessage::Proof => messages == 3,
        });
        if let Some((_, report, released)) = hold.take_if(|_| is_held) {
            report.send(()).unwrap();
            let _ = released.recv();
        }
        head.extend(body);
        if server.write_all(&head).is_err() {
            break;
        }
        head = vec![0; 5];
    }
    let _ = server.shutdown(Shutdown::Both);
}

/// Waits until the program has begun to end connections, which is after the rotation.
fn wait_for_termination(child: &mut Child) -> thread::JoinHandle<String> {
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    assert!(line.starts_with("Ending the connections of role"), "{line}");
    thread::spawn(move || {
        let mut rest = String::new();
        err.read_to_string(&mut rest).unwrap();
        rest
    })
}

#[test]
fn terminate_ends_what_the_old_password_opened() {
    let Some(mut own) = OwnServer::new(&["authentication_timeout=10s"]) else {
        return;
    };
    let file = own.file.clone();
    let old = own.rotate();
    own.admin
        .batch_execute("create role other login password 'other'")
        .unwrap();
    let mut before = own.login(ROLE, &old).unwrap();
    let mut other = own.login("other", "other").unwrap();
    let (held, reported) = HeldSocket::new(&own.server.directory, HeldMessage::Proof);
    let (path, password) = (held.directory.path().to_owned(), old.clone());
    let late = thread::spawn(move || login(&path, ROLE, &password));
    reported.recv().unwrap();

    let arguments = ["rotate-password", "--output", &file, "--terminate"];
    let mut child = start(own.command(&[], &arguments));
    let err = wait_for_termination(&mut child);
    // It logs in after the rotation, with the old password, because it had begun before. If this machine is too slow for that,
    // the server has refused it.
    held.release.send(()).unwrap();
    let late = late.join().unwrap();
    let new = own.password();
    let mut after = own.login(ROLE, &new).unwrap();
    end(child).expect(0);
    let err = err.join().unwrap();
    assert!(err.contains("Ended "), "{err}");
    assert!(!is_open(&mut before));
    assert!(!late.is_ok_and(|mut late| is_open(&mut late)));
    assert!(is_open(&mut other) && is_open(&mut own.admin));
    assert!(is_open(&mut after), "it began after the rotation");
    assert!(own.login(ROLE, &old).is_err());

    // The role itself, whose own connection stays.
    let run = own.run(
        &[("PGUSER", ROLE)],
        &[
            "rotate-password",
            "--password-file",
            &file,
            "--output",
            &file,
            "--terminate",
            "--format",
            "json",
        ],
    );
    assert_eq!(run.expect(0).json()["ended_connections"], 1);
    assert!(!is_open(&mut after));
}

#[test]
fn terminate_needs_rights_and_ends_what_locks_the_role() {
    let Some(mut own) = OwnServer::new(&["authentication_timeout=10s"]) else {
        return;
    };
    let file = own.file.clone();
    let password = own.rotate();
    own.admin
        .batch_execute(
            "create role administrator login createrole password 'other';
             grant nodepg to administrator with admin option;
             alter role administrator noinherit",
        )
        .unwrap();
    let version: String = value(&mut own.admin, "show server_version_num");
    if version.parse::<u32>().unwrap() >= 160_000 {
        own.admin
            .batch_execute("grant nodepg to administrator with inherit false")
            .unwrap();
    }
    let before = own.stored_password();
    let as_administrator = [("PGUSER", "administrator"), ("PGPASSWORD", "other")];
    let arguments = ["rotate-password", "--output", &file, "--terminate"];
    own.run(&as_administrator, &arguments).expect(2).says(&[
        "may not end connections",
        "grant pg_signal_backend, pg_read_all_stats",
        "nothing was changed",
    ]);
    assert_eq!(own.stored_password(), before);

    // An attacker with the password keeps the role locked.
    let mut attacker = own.login(ROLE, &password).unwrap();
    attacker
        .batch_execute("begin; alter role nodepg password 'of the attacker'")
        .unwrap();
    let impatient = [("PGOPTIONS", "-c lock_timeout=100ms")];
    own.run(&impatient, &arguments[..3]).expect(2).says(&[
        "keeps it locked",
        "--terminate",
        "nothing was changed",
    ]);
    assert_eq!(own.stored_password(), before);
    assert_eq!(own.password(), password);
    own.run(&impatient, &arguments).expect(0);
    assert!(!is_open(&mut attacker));
    assert!(own.login(ROLE, &password).is_err());
    assert!(own.file_logs_in());
}

/// Returns the command lines of all processes.
fn command_lines() -> String {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).into_owned() + "\n")
        .collect()
}

/// Collects what `pg_stat_activity` and the list of processes show, until it is told to end.
fn observe(own: &mut OwnServer) -> (Arc<AtomicBool>, thread::JoinHandle<String>) {
    let is_over = Arc::new(AtomicBool::new(false));
    let (mut client, asked) = (own.server.connect("postgres"), is_over.clone());
    let observer = thread::spawn(move || {
        // What this one does need not be in the log.
        client
            .batch_execute(
                "set log_statement = none; set log_min_duration_statement = -1; set log_min_messages = panic;
                 set debug_print_parse = off; set debug_print_rewritten = off; set debug_print_plan = off",
            )
            .unwrap();
        let mut seen = String::new();
        while !asked.load(Ordering::SeqCst) {
            let sql =
                "select coalesce(query, '') from pg_stat_activity where pid <> pg_backend_pid()";
            for row in client.query(sql, &[]).unwrap() {
                seen.push_str(row.get(0));
            }
            seen.push_str(&command_lines());
        }
        seen
    });
    (is_over, observer)
}

/// The most that a server can log.
const TALKATIVE: [&str; 11] = [
    "log_statement=all",
    "log_min_duration_statement=0",
    "log_min_messages=debug5",
    "log_min_error_statement=debug5",
    "log_error_verbosity=verbose",
    "log_parameter_max_length=-1",
    "log_parameter_max_length_on_error=-1",
    "debug_print_parse=on",
    "debug_print_rewritten=on",
    "debug_print_plan=on",
    "track_activity_query_size=100kB",
];

// The server logs everything that can be logged.
#[test]
fn most_talkative_server_logs_neither_password_nor_verifier() {
    let mut settings = TALKATIVE.to_vec();
    let mut shared = connect(&superuser_config());
    let has_statistics: bool = value(
        &mut shared,
        "select exists (select from pg_available_extensions where name = 'pg_stat_statements')",
    );
    if has_statistics {
        settings.extend([
            "shared_preload_libraries=pg_stat_statements",
            "pg_stat_statements.track=all",
        ]);
    } else {
        skip("this server has no pg_stat_statements");
    }
    let Some(mut own) = OwnServer::new(&settings) else {
        return;
    };
    let file = own.file.clone();
    if has_statistics {
        own.admin
            .batch_execute("create extension pg_stat_statements")
            .unwrap();
    }
    own.admin
        .batch_execute(
            "create role administrator login createrole password 'other';
             grant nodepg to administrator with admin option",
        )
        .unwrap();

    let (is_over, observer) = observe(&mut own);
    let mut secrets = Vec::new();
    for user in ["postgres", "administrator", ROLE] {
        for output in [&[][..], &["--output", &file], &["--format", "json"]] {
            let mut environment = vec![("PGUSER", user)];
            let mut arguments = vec!["rotate-password"];
            arguments.extend(output);
            match user {
                "administrator" => environment.push(("PGPASSWORD", "other")),
                ROLE => arguments.extend(["--password-file", &file]),
                _ => {}
            }
            let run = own.run(&environment, &arguments).expect(0);
            let password = match output {
                [] => run.out.trim().to_owned(),
                ["--output", ..] => own.password(),
                _ => run.json()["password"].as_str().unwrap().to_owned(),
            };
            assert!(!run.err.contains(&password));
            // What only a superuser may turn off is reported to the others.
            let warns = run.err.contains("pg_stat_statements keeps");
            assert_eq!(warns, has_statistics && user != "postgres", "{run}");
            assert!(!run.err.contains("was in a statement"), "{run}");
            assert!(own.login(ROLE, &password).is_ok());
            fs::write(&file, format!("{password}\n")).unwrap();
            // Salt and keys; what is before the first dollar is no secret.
            let stored = own.stored_password();
            let keys = stored.rsplit('$').next().unwrap();
            if has_statistics && user == "postgres" {
                let kept = "select string_agg(query, ' ') from pg_stat_statements";
                assert!(!value::<String>(&mut own.admin, kept).contains(keys));
            }
            secrets.extend([password, keys.to_owned()]);
        }
    }
    is_over.store(true, Ordering::SeqCst);
    let seen = observer.join().unwrap();
    let log = own.server.directory.join("log");
    let log = || fs::read_to_string(&log).unwrap();
    let text = log();
    for secret in &secrets {
        assert!(!text.contains(secret), "{secret} is in the log");
        assert!(!seen.contains(secret), "{secret} was seen");
    }
    // It shows the other statements of the rotation, so it would show these.
    for shown in [
        "alter role \"nodepg\" password null",
        "copy pg_temp.",
        "do $$",
        "DEBUG:  ",
    ] {
        assert!(text.contains(shown), "no {shown:?} in the log");
    }

    // Where the verifier has to be in a statement, a warning says so, and the log has it.
    own.admin
        .batch_execute("revoke temporary on database postgres from public")
        .unwrap();
    let environment = [("PGUSER", ROLE)];
    let arguments = ["rotate-password", "--password-file", &file];
    let run = own.run(&environment, &arguments).expect(0);
    assert!(run.err.contains("was in a statement"), "{run}");
    assert!(own.login(ROLE, run.out.trim()).is_ok());
    let keys = own.stored_password();
    let text = log();
    assert!(text.contains(keys.rsplit('$').next().unwrap()));
    assert!(!text.contains(run.out.trim()));
}

// Their messages have the statement as context. Only a superuser may turn them off.
#[test]
fn parser_statistics_are_off_for_superuser_and_reported_to_others() {
    let Some(mut own) = OwnServer::new(&["log_parser_stats=on"]) else {
        return;
    };
    let file = own.file.clone();
    own.rotate();
    let verifier_is_in_log = |own: &mut OwnServer| {
        let stored = own.stored_password();
        let log = fs::read_to_string(own.server.directory.join("log")).unwrap();
        assert!(log.contains("PARSE ANALYSIS STATISTICS"), "{log}");
        log.contains(stored.rsplit('$').next().unwrap())
    };
    let arguments = ["rotate-password", "--output", &file];
    let run = own.run(&[("PGUSER", "postgres")], &arguments).expect(0);
    assert!(!run.err.contains("log_parser_stats"), "{run}");
    assert!(!verifier_is_in_log(&mut own));
    let arguments = ["rotate-password", "--password-file", &file];
    own.run(&[("PGUSER", ROLE)], &arguments)
        .expect(0)
        .says(&["log_parser_stats is on"]);
    assert!(verifier_is_in_log(&mut own));
}

// An error of the statement with the verifier has a context, which the log and the client get. A check of passwords makes one.
#[test]
fn refused_verifier_is_not_in_log() {
    let mut shared = connect(&superuser_config());
    if shared.batch_execute("load 'passwordcheck'").is_err() {
        skip("this server has no passwordcheck");
        return;
    }
    let Some(mut own) = OwnServer::new(&["shared_preload_libraries=passwordcheck"]) else {
        return;
    };
    let file = own.file.clone();
    own.rotate();
    let before = own.stored_password();
    let arguments = ["rotate-password", "--stdin", "--output", &file];
    let command = own.command(
        &[("PGUSER", ROLE), ("PGPASSWORD", &own.password())],
        &arguments,
    );
    run_with_input(command, ROLE.as_bytes())
        .expect(2)
        .says(&["password must not equal user name"])
        .hides("SCRAM-SHA-256$");
    let log = fs::read_to_string(own.server.directory.join("log")).unwrap();
    assert!(log.contains("password must not equal user name"), "{log}");
    assert!(!log.contains("SCRAM-SHA-256$"), "{log}");
    assert_eq!(own.stored_password(), before);
    assert!(own.file_logs_in());
    assert_eq!(own.directory.file_names(), ["password"]);
}
