//! The example `async_store`, as a process with the password of the runtime role in a file.

use std::fs;
use std::process::{Command, Output, Stdio};

use crate::support::environment::set_tcp_login;
use crate::support::example_program::example;
use crate::support::temporary_directory::TemporaryDirectory;
use crate::support::test_database::TestDatabase;

/// Runs it to its end.
fn run(database: &TestDatabase, password: &str) -> Output {
    let directory = TemporaryDirectory::new();
    let password_file = directory.path().join("password");
    fs::write(&password_file, password).unwrap();
    let mut command = Command::new(example("async_store", &["--features", "tokio"]));
    set_tcp_login(&mut command, &database.name, &database.role);
    command
        .env("CONNECT_PG_PASSWORD_FILE", &password_file)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn visitors_lose_no_view_on_few_connections() {
    let database = TestDatabase::new();
    let output = run(&database, &database.password);
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    let connections = text
        .strip_prefix("100 visitors had 2000 views, on ")
        .and_then(|rest| rest.strip_suffix(" connections\n"))
        .unwrap_or_else(|| panic!("{text}{errors}"));
    assert!((2..=8).contains(&connections.parse().unwrap()), "{text}");
    assert_eq!(database.store().count().unwrap(), 0, "each visitor left");
}

#[test]
fn wrong_password_is_reported_and_not_shown() {
    let database = TestDatabase::new();
    let output = run(&database, "a wrong password");
    assert!(!output.status.success());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("28P01"), "{errors}");
    assert!(!errors.contains("a wrong password"), "{errors}");
}
