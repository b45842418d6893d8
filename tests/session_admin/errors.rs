//! Errors that a new user of session-admin meets: each has exit status 2 and gives a hint.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::case::case;
use crate::support::session_admin::{Database, bare_command, run};
use crate::support::temporary_directory::TemporaryDirectory;

const SUBCOMMANDS: [&str; 13] = [
    "install",
    "check",
    "rotate-password",
    "prune",
    "status",
    "users",
    "end",
    "configure",
    "export",
    "import",
    "uninstall",
    "print-sql",
    "completions",
];

const CONNECTING: [&str; 5] = ["install", "check", "rotate-password", "prune", "status"];

#[test]
fn each_subcommand_has_help() {
    let all = run(bare_command(&["--help"])).expect(0);
    for subcommand in SUBCOMMANDS {
        assert!(all.out.contains(subcommand));
        run(bare_command(&[subcommand, "--help"]))
            .expect(0)
            .says(&["Examples:", "Usage: session-admin"]);
    }
    run(bare_command(&[])).expect(2).says(&["Usage:"]);
    run(bare_command(&["nonsense"])).expect(2);
    run(bare_command(&["--version"]))
        .expect(0)
        .says(&["session-admin "]);
    // The help shows the source of the URL, and not the URL.
    let mut command = bare_command(&["--help"]);
    command.env("DATABASE_URL", "postgresql://u:s3cret@h/d");
    run(command)
        .expect(0)
        .says(&["DATABASE_URL"])
        .hides("s3cret");
}

#[test]
fn completions_list_subcommands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(bare_command(&["completions", shell])).expect(0);
        for subcommand in SUBCOMMANDS {
            assert!(script.out.contains(subcommand), "{shell} {subcommand}");
        }
    }
    run(bare_command(&["completions", "tcl"])).expect(2);
}

#[test]
fn closed_output_keeps_exit_status() {
    let database = Database::installed();
    for (arguments, status) in [
        (&["print-sql"][..], 0),
        (&["completions", "bash"], 0),
        (&["status"], 0),
        (&["install"], 0),
        (&["prune"], 0),
        (&["configure"], 0),
        (&["export"], 0),
        // The role has no password, so the exit status stays 1.
        (&["check"], 1),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = if arguments[0] == "completions" {
            bare_command(arguments)
        } else {
            database.command(arguments)
        };
        command.stdout(writer);
        run(command).expect(status).hides("panicked");
    }
}

#[test]
fn failed_connection_is_reported_with_hint() {
    let mut database = Database::installed();
    let role = database.own_role("login password 'unprivileged'");
    let directory = TemporaryDirectory::new();
    let no_socket = directory.file("");
    let unreachable = ["cannot connect", "port 1", "Hint: is the server running"];
    let missing = "connect_pg_test_missing";
    for (name, environment, texts) in [
        (
            "no socket",
            &[("PGHOST", &*no_socket), ("PGPORT", "1")][..],
            &unreachable[..],
        ),
        (
            "no listener",
            &[("PGHOST", "127.0.0.1"), ("PGPORT", "1")],
            &unreachable,
        ),
        (
            "no database",
            &[("PGDATABASE", missing)],
            &[missing, "3D000", "Hint: create the database"],
        ),
        (
            "no privilege",
            &[("PGUSER", &role), ("PGPASSWORD", "unprivileged")],
            &["Hint: ", "connect as"],
        ),
    ] {
        for subcommand in CONNECTING {
            case(format!("{name}: {subcommand}"), || {
                database
                    .run_with(environment, &[subcommand])
                    .expect(2)
                    .says(texts);
            });
        }
    }
}

#[test]
fn invalid_connection_settings_are_reported() {
    for url in [
        "s3cret",
        "postgresql://u:s3cret@h:port/d",
        "postgresql://u:s3cret@h/d?nonsense=1",
        "postgresql://u:s3cret@h/d?sslmode=verify_full",
        "host=h password=s3cret sslmode=require sslrootcert=system",
        "host=h password='s3cret",
        "service=connect_pg_test_missing",
    ] {
        for subcommand in CONNECTING {
            run(bare_command(&[subcommand, "--database-url", url]))
                .expect(2)
                .says(&["invalid connection settings", "Hint:"])
                .hides("s3cret");
        }
    }
}

#[test]
fn wrong_password_is_reported_and_hidden() {
    let mut database = Database::new();
    let user = database.own_role("login password 'right'");
    let none_given = "Hint: the server asks for a password and none was given";
    for (name, user, password, texts) in [
        (
            "wrong",
            &*user,
            "s3cret",
            &[&*user, "28P01", "Hint: the password came from PGPASSWORD"][..],
        ),
        ("none", &user, "", &[none_given, ".pgpass"]),
        // A missing role must look the same as a wrong password.
        (
            "missing role",
            "connect_pg_test_missing",
            "s3cret",
            &["28P01", "Hint: the password came from PGPASSWORD"],
        ),
        (
            "right",
            &user,
            "right",
            &["no store", "session-admin install"],
        ),
    ] {
        case(name, || {
            let environment = [("PGUSER", user), ("PGPASSWORD", password)];
            database
                .run_with(&environment, &["status"])
                .expect(2)
                .says(texts)
                .hides("s3cret");
        });
    }
}

#[test]
fn password_file_is_used_only_if_private() {
    let mut database = Database::new();
    let user = database.own_role("login password 'from the file'");
    let home = TemporaryDirectory::new();
    let path = home.file(".pgpass");
    let with_file = |mode: u32| {
        fs::write(
            &path,
            format!("*:*:{}:{user}:from the file\n", database.name),
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let mut command = database.command(&["status"]);
        command
            .env("HOME", home.path())
            .env("PGUSER", &user)
            .env_remove("PGPASSWORD");
        run(command)
    };
    with_file(0o600)
        .expect(2)
        .says(&["no store"])
        .hides("from the file");
    with_file(0o644)
        .expect(2)
        .says(&["is ignored", "0600", "none was given"])
        .hides("from the file");
}

/// Returns the variables by which the program connects as the superuser.
fn environment(database: &Database) -> HashMap<String, String> {
    database
        .command(&[])
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value?.to_str()?.to_owned())))
        .collect()
}

#[test]
fn url_overrides_environment() {
    let database = Database::installed();
    let environment = environment(&database);
    let url = format!(
        "postgresql://{}:s3cret@/{}?host={}&port={}",
        environment["PGUSER"], database.name, environment["PGHOST"], environment["PGPORT"]
    );
    for (option, variable) in [
        (Some(&url), None),
        (None, Some(&url)),
        (Some(&url), Some(&"nonsense".to_owned())),
    ] {
        let mut command = bare_command(&["status", "--format", "json"]);
        if let Some(url) = option {
            command.args(["--database-url", url]);
        }
        if let Some(url) = variable {
            command.env("DATABASE_URL", url);
        }
        command
            .env("PGHOST", "/nowhere")
            .env("PGDATABASE", "nowhere")
            .env("PGPORT", "1");
        assert_eq!(run(command).expect(0).hides("s3cret").json()["live"], 0);
    }
    // An empty variable counts as unset.
    database
        .run_with(&[("DATABASE_URL", "")], &["status"])
        .expect(0);
}

#[test]
fn missing_store_is_reported() {
    const INSTALL: &str = "session-admin install";
    let database = Database::new();
    for (subcommand, status, text) in [
        ("prune", 2, "no store in schema \"web\""),
        ("status", 2, "no store in schema \"web\""),
        ("rotate-password", 2, "no role"),
        ("check", 1, "not installed"),
    ] {
        database
            .run(&[subcommand])
            .expect(status)
            .says(&[text, INSTALL]);
    }
}

#[test]
fn read_only_database_is_reported() {
    let database = Database::installed();
    database
        .superuser()
        .batch_execute("select web.set_session_data('a', '{}', now() + interval '1 day')")
        .unwrap();
    database
        .run_with(
            &[("PGOPTIONS", "-c default_transaction_read_only=on")],
            &["prune"],
        )
        .expect(2)
        .says(&["Hint: this server is a standby", "primary"]);
}

#[test]
fn redirected_output_has_no_colours() {
    let database = Database::installed();
    database.run(&["check"]).expect(1).hides("\u{1b}[");
}

// An unreachable host is skipped. A host that refuses the login ends the search.
#[test]
fn host_list_skips_unreachable_host_and_stops_at_refused_login() {
    let mut database = Database::installed();
    let user = database.own_role("login password 'right'");
    let environment = environment(&database);
    let (host, port) = (&environment["PGHOST"], &environment["PGPORT"]);
    let second_is_up = (format!("127.0.0.1,{host}"), format!("1,{port}"));
    let second_is_down = (format!("{host},127.0.0.1"), format!("{port},1"));
    let attrs = |target| vec![("PGTARGETSESSIONATTRS", target)];
    let no_such = &["target_session_attrs"][..];
    for ((hosts, ports), more, status, texts) in [
        (&second_is_up, vec![], 0, &[][..]),
        (&second_is_up, attrs("any"), 0, &[]),
        (&second_is_up, attrs("read-write"), 0, &[]),
        (&second_is_up, attrs("primary"), 0, &[]),
        (&second_is_up, attrs("prefer-standby"), 0, &[]),
        (&second_is_up, attrs("standby"), 2, no_such),
        (&second_is_up, attrs("read-only"), 2, no_such),
        (
            &second_is_down,
            vec![("PGUSER", &*user), ("PGPASSWORD", "wrong")],
            2,
            &["28P01"],
        ),
    ] {
        let all = [vec![("PGHOST", &**hosts), ("PGPORT", ports)], more].concat();
        case(format!("{all:?}"), || {
            database
                .run_with(&all, &["status", "--format", "json"])
                .expect(status)
                .says(texts);
        });
    }
}
