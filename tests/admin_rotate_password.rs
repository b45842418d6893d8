//! `session-admin rotate-password`
#![cfg(all(feature = "admin", unix))]

mod admin;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use admin::{Database, Directory, end, quoted, run, run_with_input, start, wait_until};

#[test]
fn it_prints_a_password_that_works() {
    let database = Database::installed();
    assert!(!database.lets_in(&database.role, ""));
    let first = database.run(&["rotate-password"]).expect(0);
    let password = first.out.strip_suffix('\n').unwrap();
    // 256 bits, base64url
    assert_eq!(password.len(), 43);
    assert!(password.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    assert!(!first.err.contains(password));
    assert!(database.lets_in(&database.role, password));
    assert!(!database.lets_in(&database.role, "password"));
    assert!(database.stored_password().unwrap().starts_with("SCRAM-SHA-256$4096:"));

    let second = database.run(&["rotate-password"]).expect(0).out;
    assert_ne!(second.trim(), password);
    assert!(!database.lets_in(&database.role, password));
    assert!(database.lets_in(&database.role, second.trim()));
}

#[test]
fn a_role_changes_its_own_password() {
    let database = Database::installed();
    let first = database.run(&["rotate-password"]).expect(0).out;
    let as_itself = [("PGUSER", database.role.as_str()), ("PGPASSWORD", first.trim())];
    let second = database.run_with(&as_itself, &["rotate-password"]).expect(0).out;
    assert!(database.lets_in(&database.role, second.trim()));
}

#[test]
fn the_file_is_private_and_replaced_as_a_whole() {
    let database = Database::installed();
    let directory = Directory::new();
    let path = directory.path("nodepg.password");
    fs::write(&path, "an older and longer password than the new one will ever be\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let before = fs::metadata(&path).unwrap();

    let report = database.run(&["rotate-password", "--output", &path]).expect(0);
    let content = fs::read_to_string(&path).unwrap();
    let password = content.strip_suffix('\n').unwrap();
    assert_eq!(password.len(), 43);
    assert!(database.lets_in(&database.role, password));
    report.says(&[&path]).hides(password);
    let after = fs::metadata(&path).unwrap();
    assert_eq!(after.mode() & 0o7777, 0o600);
    assert_ne!(after.ino(), before.ino(), "a reader sees the old file or the new one, never half of one");
    assert_eq!(directory.names(), ["nodepg.password"]);

    // The client of a link finds the new password behind it.
    let link = directory.path("link");
    symlink(&path, &link).unwrap();
    let as_json = database
        .run(&["rotate-password", "--output", &link, "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(as_json["role"], database.role);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(database.lets_in(&database.role, fs::read_to_string(&link).unwrap().trim()));
    // Even under a umask that would take the owner's own rights away.
    let mut command = std::process::Command::new("sh");
    let inner = database.command(&["rotate-password", "--output", &path]);
    command.arg("-c").arg("umask 0777; exec \"$@\"").arg("sh").arg(inner.get_program());
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
fn the_file_keeps_its_owner() {
    let directory = Directory::new();
    let path = directory.path("password");
    fs::write(&path, "old\n").unwrap();
    if std::os::unix::fs::chown(&path, Some(12345), Some(23456)).is_err() {
        eprintln!("NOT TESTED: only root can give a file away");
        return;
    }
    let database = Database::installed();
    database.run(&["rotate-password", "--output", &path]).expect(0);
    let after = fs::metadata(&path).unwrap();
    assert_eq!((after.uid(), after.gid(), after.mode() & 0o7777), (12345, 23456, 0o600));
}

#[test]
fn a_password_of_ones_own_comes_from_standard_input() {
    let database = Database::installed();
    let set = |input: &[u8]| run_with_input(database.command(&["rotate-password", "--stdin"]), input);
    for (input, password) in [
        (b"correct horse\n".as_slice(), "correct horse"),
        (b"no line end", "no line end"),
        (b"windows\r\nmore\n", "windows"),
        ("Pässwörd 密码\n".as_bytes(), "Pässwörd 密码"),
        // SASLprep: a soft hyphen is nothing, a no-break space is a space, and so they are when logging in.
        ("so\u{ad}ft\u{a0}x\n".as_bytes(), "soft x"),
        (b"'; drop role x; --\n", "'; drop role x; --"),
        (b" blanks \n", " blanks "),
    ] {
        set(input).expect(0).hides(password.trim());
        assert!(database.lets_in(&database.role, password), "{password:?}");
    }
    let directory = Directory::new();
    let path = directory.path("password");
    run_with_input(database.command(&["rotate-password", "--stdin", "--output", &path]), b"written\n").expect(0);
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
        set(refused).expect(2).says(&["Mend:"]);
    }
    assert_eq!(database.stored_password(), before);
}

#[test]
fn a_password_that_nobody_reads_is_not_set() {
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
fn where_it_cannot_be_written_it_is_not_set() {
    let database = Database::installed();
    let directory = Directory::new();
    let before = database.stored_password();
    fs::create_dir(directory.path("directory")).unwrap();
    for target in [
        directory.path("directory"),
        directory.path("missing/password"),
        "/dev/null".into(),
        "/".into(),
    ] {
        database
            .run(&["rotate-password", "--output", &target])
            .expect(2)
            .says(&["Mend:", "nothing was changed"]);
    }
    assert_eq!(database.stored_password(), before);
    assert_eq!(directory.names(), ["directory"]);
}

#[test]
fn where_it_cannot_be_set_the_file_stays() {
    let mut database = Database::installed();
    let nobody = database.own_role("login password 'nobody'");
    let directory = Directory::new();
    let path = directory.path("password");
    fs::write(&path, "in force\n").unwrap();
    database
        .run_with(
            &[("PGUSER", &nobody), ("PGPASSWORD", "nobody")],
            &["rotate-password", "--output", &path],
        )
        .expect(2)
        .says(&["Mend: connect as a superuser"]);
    let role = std::mem::replace(&mut database.role, "connect_pg_test_missing".into());
    database
        .run(&["rotate-password", "--output", &path])
        .expect(2)
        .says(&["no role", "session-admin install"]);
    database.role = role;
    assert_eq!(fs::read_to_string(&path).unwrap(), "in force\n");
    assert_eq!(directory.names(), ["password"]);
}

/// The database has it, the file cannot be replaced: it must say where the password is.
#[test]
fn a_password_that_is_set_is_never_lost() {
    let database = Database::installed();
    let directory = Directory::new();
    let path = directory.path("password");
    // Hold the role, so that the program waits after it has written and before it has renamed.
    let mut holder = database.superuser();
    let mut open = holder.transaction().unwrap();
    open.batch_execute(&format!("alter role {} connection limit 7", quoted(&database.role)))
        .unwrap();
    let child = start(database.command(&["rotate-password", "--output", &path]));
    let mut watcher = database.superuser();
    let waits = "select from pg_stat_activity as a join pg_locks as l on l.pid = a.pid
        where a.datname = current_database() and a.application_name = 'session-admin' and not l.granted";
    wait_until(|| !watcher.query(waits, &[]).unwrap().is_empty());
    fs::create_dir_all(directory.path("password/in the way")).unwrap();
    open.rollback().unwrap();

    let failed = end(child).expect(2).says(&["has the new password", "move it into place"]);
    let waiting = directory.names().into_iter().find(|name| name.starts_with('.')).unwrap();
    assert!(failed.err.contains(&waiting), "{failed}");
    let password = fs::read_to_string(directory.path(&waiting)).unwrap();
    failed.hides(password.trim());
    assert!(database.lets_in(&database.role, password.trim()));
    assert_eq!(fs::metadata(directory.path(&waiting)).unwrap().mode() & 0o7777, 0o600);
}

/// No plaintext reaches the server: not its log, not `pg_stat_activity`.
#[test]
fn the_server_never_sees_the_password() {
    let mut database = Database::installed();
    let mut client = database.superuser();
    let log: Option<String> = client.query_one("select pg_current_logfile()", &[]).unwrap().get(0);
    let Some(log) = log else {
        panic!("NOT TESTED: this server's log cannot be read through SQL (logging_collector is off); use bin/with-pg");
    };
    let read_log = |client: &mut postgres::Client, from: i64| -> String {
        client
            .query_one("select pg_read_file($1, $2, 100000000)", &[&log, &from])
            .unwrap()
            .get(0)
    };
    let size: i64 = client
        .query_one("select (pg_stat_file($1)).size", &[&log])
        .unwrap()
        .get(0);

    // Somebody who looks at pg_stat_activity as often as he can.
    let stop = Arc::new(AtomicBool::new(false));
    let (mut observer, asked) = (database.superuser(), Arc::clone(&stop));
    let observed = thread::spawn(move || {
        let mut seen = String::new();
        while !asked.load(Ordering::Relaxed) {
            for row in observer
                .query(
                    "select query from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
                    &[],
                )
                .unwrap()
            {
                seen.push_str(row.get(0));
                seen.push('\n');
            }
        }
        seen
    });

    let everything = "-c log_statement=all -c log_min_duration_statement=0 -c log_min_error_statement=debug5 \
        -c log_parameter_max_length=-1 -c log_connections=on";
    let admin = database.own_role("login createrole password 'admin'");
    // Before 16, CREATEROLE is enough; from then on it takes ADMIN on the role.
    client
        .batch_execute(&format!(
            "grant {} to {admin} with admin option",
            quoted(&database.role)
        ))
        .unwrap();
    let mut passwords = Vec::new();
    for user in [None, Some(&admin)] {
        let mut environment = vec![];
        if let Some(user) = user {
            environment.extend([("PGUSER", user.as_str()), ("PGPASSWORD", "admin")]);
        } else {
            // For others than superusers the log cannot be turned up by the session itself.
            environment.push(("PGOPTIONS", everything));
        }
        client
            .batch_execute(&format!(
                "alter role {admin} set log_statement = 'all'; alter role {admin} set log_min_duration_statement = 0"
            ))
            .unwrap();
        let drawn = database.run_with(&environment, &["rotate-password"]).expect(0).out;
        passwords.push(drawn.trim().to_owned());
        let mut command = database.command(&["rotate-password", "--stdin"]);
        command.envs(environment.iter().copied());
        let own = format!("own password {}", admin::random());
        run_with_input(command, own.as_bytes()).expect(0);
        assert!(database.lets_in(&database.role, &own));
        passwords.push(own);
    }
    stop.store(true, Ordering::Relaxed);
    let observed = observed.join().unwrap();

    let text = read_log(&mut client, size);
    assert!(
        text.matches("from pg_catalog.pg_roles as r where r.rolname").count() >= 4,
        "the log shows the statements before it, so it would show this one:\n{text}"
    );
    for password in &passwords {
        assert!(!text.contains(password.as_str()), "{password} is in the log");
        assert!(!observed.contains(password.as_str()), "{password} was in pg_stat_activity");
    }
    // A superuser can keep the verifier out of the log too, and does.
    let verifiers = text.matches("password 'SCRAM-SHA-256$").count();
    assert!(verifiers <= 4, "only the other administrator's two, each logged twice at most:\n{text}");
    assert!(!observed.contains("SCRAM-SHA-256$4096") || verifiers > 0);
    client.batch_execute(&format!("drop owned by {admin}")).unwrap();
}
