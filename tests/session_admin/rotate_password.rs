//! `session-admin rotate-password`

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::server::{quoted, random};
use crate::support::session_admin::{Database, end, run, run_with_input, start};
use crate::support::skip::skip;
use crate::support::temporary_directory::TemporaryDirectory;
use crate::support::wait::wait_until;

#[test]
fn printed_password_logs_in() {
    let database = Database::installed();
    assert!(!database.can_log_in(&database.role, ""));
    let first = database.run(&["rotate-password"]).expect(0);
    let password = first.out.strip_suffix('\n').unwrap();
    // 256 bits in base64url.
    assert_eq!(password.len(), 43);
    assert!(
        password
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    );
    assert!(!first.err.contains(password));
    assert!(database.can_log_in(&database.role, password));
    assert!(!database.can_log_in(&database.role, "password"));
    assert!(
        database
            .stored_password()
            .unwrap()
            .starts_with("SCRAM-SHA-256$4096:")
    );

    let second = database.run(&["rotate-password"]).expect(0).out;
    assert_ne!(second.trim(), password);
    assert!(!database.can_log_in(&database.role, password));
    assert!(database.can_log_in(&database.role, second.trim()));
}

#[test]
fn role_changes_own_password() {
    let database = Database::installed();
    let first = database.run(&["rotate-password"]).expect(0).out;
    let as_itself = [
        ("PGUSER", database.role.as_str()),
        ("PGPASSWORD", first.trim()),
    ];
    let second = database
        .run_with(&as_itself, &["rotate-password"])
        .expect(0)
        .out;
    assert!(database.can_log_in(&database.role, second.trim()));
}

#[test]
fn output_file_is_private_and_replaced_atomically() {
    let database = Database::installed();
    let directory = TemporaryDirectory::new();
    let path = directory.file("nodepg.password");
    fs::write(
        &path,
        "an older and longer password than the new one will ever be\n",
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let before = fs::metadata(&path).unwrap();

    let report = database
        .run(&["rotate-password", "--output", &path])
        .expect(0);
    let content = fs::read_to_string(&path).unwrap();
    let password = content.strip_suffix('\n').unwrap();
    assert_eq!(password.len(), 43);
    assert!(database.can_log_in(&database.role, password));
    report.says(&[&path]).hides(password);
    let after = fs::metadata(&path).unwrap();
    assert_eq!(after.mode() & 0o7777, 0o600);
    assert_ne!(
        after.ino(),
        before.ino(),
        "a reader sees the old file or the new one, never half of one"
    );
    assert_eq!(directory.file_names(), ["nodepg.password"]);

    // A symbolic link stays, and its target is replaced.
    let link = directory.file("link");
    symlink(&path, &link).unwrap();
    let as_json = database
        .run(&["rotate-password", "--output", &link, "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(as_json["role"], database.role);
    assert_eq!(as_json["settings"], serde_json::json!([]));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(database.can_log_in(&database.role, fs::read_to_string(&link).unwrap().trim()));
    // A umask that removes the permissions of the owner has no effect.
    let mut command = std::process::Command::new("sh");
    let inner = database.command(&["rotate-password", "--output", &path]);
    command
        .arg("-c")
        .arg("umask 0777; exec \"$@\"")
        .arg("sh")
        .arg(inner.get_program());
    command.args(inner.get_args());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    run(command).expect(0);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
}

#[test]
fn output_file_keeps_owner() {
    let directory = TemporaryDirectory::new();
    let path = directory.file("password");
    fs::write(&path, "old\n").unwrap();
    if std::os::unix::fs::chown(&path, Some(12345), Some(23456)).is_err() {
        skip("only root can give a file away");
        return;
    }
    let database = Database::installed();
    database
        .run(&["rotate-password", "--output", &path])
        .expect(0);
    let after = fs::metadata(&path).unwrap();
    assert_eq!(
        (after.uid(), after.gid(), after.mode() & 0o7777),
        (12345, 23456, 0o600)
    );
    // The application may read it as a member of the group.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    database
        .run(&["rotate-password", "--output", &path])
        .expect(0);
    let after = fs::metadata(&path).unwrap();
    assert_eq!((after.gid(), after.mode() & 0o7777), (23456, 0o640));
}

#[test]
fn stdin_password_is_set() {
    let database = Database::installed();
    let set =
        |input: &[u8]| run_with_input(database.command(&["rotate-password", "--stdin"]), input);
    for (input, password) in [
        (b"correct horse\n".as_slice(), "correct horse"),
        (b"no line end", "no line end"),
        (b"windows\r\nmore\n", "windows"),
        ("Pässwörd 密码\n".as_bytes(), "Pässwörd 密码"),
        // SASLprep removes a soft hyphen and maps a no-break space to a space, here and at the login.
        ("so\u{ad}ft\u{a0}x\n".as_bytes(), "soft x"),
        (b"'; drop role x; --\n", "'; drop role x; --"),
        (b" blanks \n", " blanks "),
    ] {
        set(input).expect(0).hides(password.trim());
        assert!(
            database.can_log_in(&database.role, password),
            "{password:?}"
        );
    }
    let directory = TemporaryDirectory::new();
    let path = directory.file("password");
    run_with_input(
        database.command(&["rotate-password", "--stdin", "--output", &path]),
        b"written\n",
    )
    .expect(0);
    assert_eq!(fs::read_to_string(&path).unwrap(), "written\n");

    let before = database.stored_password();
    for refused in [
        b"".as_slice(),
        b"\n",
        b"\r\n",
        b"nul\0inside\n",
        b"\xff\xfe\n",
        "\u{ad}\n".as_bytes(),
        "x".repeat(1025).as_bytes(),
        "x".repeat(1_000_000).as_bytes(),
    ] {
        set(refused).expect(2).says(&["Hint:"]);
    }
    assert_eq!(database.stored_password(), before);
}

#[test]
fn unwritable_output_keeps_password() {
    let database = Database::installed();
    let before = database.stored_password();

    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = database.command(&["rotate-password"]);
    command.stdout(writer);
    run(command).expect(2).says(&["was not set"]);

    let mut command = database.command(&["rotate-password"]);
    command.stdout(Stdio::null());
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    end(child).expect(2).says(&["/dev/null", "--output"]);
    assert_eq!(database.stored_password(), before);
}

#[test]
fn invalid_output_file_keeps_password() {
    let database = Database::installed();
    let directory = TemporaryDirectory::new();
    let before = database.stored_password();
    fs::create_dir(directory.file("directory")).unwrap();
    for target in [
        directory.file("directory"),
        directory.file("missing/password"),
        "/dev/null".into(),
        "/".into(),
    ] {
        database
            .run(&["rotate-password", "--output", &target])
            .expect(2)
            .says(&["Hint:", "nothing was changed"]);
    }
    assert_eq!(database.stored_password(), before);
    assert_eq!(directory.file_names(), ["directory"]);
}

#[test]
fn refused_password_keeps_file() {
    let mut database = Database::installed();
    let role = database.own_role("login password 'unprivileged'");
    let directory = TemporaryDirectory::new();
    let path = directory.file("password");
    fs::write(&path, "in force\n").unwrap();
    database
        .run_with(
            &[("PGUSER", &role), ("PGPASSWORD", "unprivileged")],
            &["rotate-password", "--output", &path],
        )
        .expect(2)
        .says(&["Hint: connect as a superuser"]);
    let role = std::mem::replace(&mut database.role, "connect_pg_test_missing".into());
    database
        .run(&["rotate-password", "--output", &path])
        .expect(2)
        .says(&["no role", "session-admin install"]);
    database.role = role;
    assert_eq!(fs::read_to_string(&path).unwrap(), "in force\n");
    assert_eq!(directory.file_names(), ["password"]);
}

// The file can no longer be replaced when the role has been changed, but before the commit.
#[test]
fn output_that_becomes_unwritable_keeps_password() {
    let database = Database::installed();
    let directory = TemporaryDirectory::new();
    let path = directory.file("password");
    let before = database.stored_password();
    // A lock on the role makes the program wait before it writes the file.
    let mut holder = database.superuser();
    let mut open = holder.transaction().unwrap();
    open.batch_execute(&format!(
        "alter role {} connection limit 7",
        quoted(&database.role)
    ))
    .unwrap();
    let child = start(database.command(&["rotate-password", "--output", &path]));
    let mut watcher = database.superuser();
    let waits = "select from pg_stat_activity as a join pg_locks as l on l.pid = a.pid
        where a.datname = current_database() and a.application_name = 'session-admin' and not l.granted";
    wait_until("the program waits for the role", || {
        !watcher.query(waits, &[]).unwrap().is_empty()
    });
    fs::create_dir_all(directory.file("password/in the way")).unwrap();
    open.rollback().unwrap();

    end(child)
        .expect(2)
        .says(&["nothing was changed", "Hint: name another file"]);
    assert_eq!(database.stored_password(), before);
    assert_eq!(directory.file_names(), ["password"]);
}

/// The server's log from now on, read by SQL.
struct Log {
    client: postgres::Client,
    path: String,
    from: i64,
}

impl Log {
    fn new(database: &Database) -> Log {
        let mut client = database.superuser();
        let path: Option<String> = client
            .query_one("select pg_current_logfile()", &[])
            .unwrap()
            .get(0);
        let path = path.expect(
            "NOT TESTED: this server's log cannot be read through SQL (logging_collector is off); use bin/with-pg",
        );
        let from = client
            .query_one("select (pg_stat_file($1)).size", &[&path])
            .unwrap()
            .get(0);
        Log { client, path, from }
    }

    fn read(&mut self) -> String {
        self.client
            .query_one(
                "select pg_read_file($1, $2, 100000000)",
                &[&self.path, &self.from],
            )
            .unwrap()
            .get(0)
    }
}

/// Sets a generated password and then a given one. Returns both.
fn rotate_twice(database: &Database, environment: &[(&str, &str)]) -> [String; 2] {
    let generated = database
        .run_with(environment, &["rotate-password"])
        .expect(0)
        .out;
    let given = format!("given password {}", random());
    let mut command = database.command(&["rotate-password", "--stdin"]);
    command.envs(environment.iter().copied());
    run_with_input(command, given.as_bytes()).expect(0);
    assert!(database.can_log_in(&database.role, &given));
    [generated.trim().to_owned(), given]
}

// No password in plain text is in the log of the server or in `pg_stat_activity`.
#[test]
fn server_logs_and_shows_no_password() {
    let mut database = Database::installed();
    let mut log = Log::new(&database);

    // Another client reads pg_stat_activity all the time.
    let stop = Arc::new(AtomicBool::new(false));
    let (mut client, asked) = (database.superuser(), Arc::clone(&stop));
    let observer = thread::spawn(move || {
        let mut seen = String::new();
        while !asked.load(Ordering::Relaxed) {
            let sql = "select query from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
            for row in client.query(sql, &[]).unwrap() {
                seen.push_str(row.get(0));
                seen.push('\n');
            }
        }
        seen
    });

    let everything = "-c log_statement=all -c log_min_duration_statement=0 -c log_min_error_statement=debug5 \
        -c log_parameter_max_length=-1";
    let mut passwords = rotate_twice(&database, &[("PGOPTIONS", everything)]).to_vec();
    // Only a superuser can set log_statement, so the superuser sets it for this administrator. From version 16 on, the
    // administrator needs ADMIN on the role; before, CREATEROLE is enough.
    let other = database.own_role("login createrole password 'other'");
    database
        .superuser()
        .batch_execute(&format!(
            "grant {role} to {other} with admin option;
             alter role {other} set log_statement = 'all';
             alter role {other} set log_min_duration_statement = 0",
            role = quoted(&database.role)
        ))
        .unwrap();
    passwords.extend(rotate_twice(
        &database,
        &[("PGUSER", &other), ("PGPASSWORD", "other")],
    ));
    let text = log.read();
    stop.store(true, Ordering::Relaxed);
    let activity = observer.join().unwrap();

    let before_it = "pg_catalog.pg_is_in_recovery()";
    assert!(
        text.matches(before_it).count() >= 4,
        "the log shows the statements before it, so it would show this one:\n{text}"
    );
    assert!(!activity.is_empty());
    for password in &passwords {
        assert!(!text.contains(password), "{password} is in the log");
        assert!(
            !activity.contains(password),
            "{password} was in pg_stat_activity"
        );
    }
    // Nor is the verifier in it.
    assert!(!text.contains("SCRAM-SHA-256$"), "{text}");
}
