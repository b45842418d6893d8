//! `session-admin print-sql`

use std::fs;
use std::process::Command;

use crate::support::server::random;
use crate::support::session_admin::{Database, Run, bare_command, newest_release, run};
use crate::support::temporary_directory::TemporaryDirectory;

/// Runs a file with psql, as a DBA would.
fn psql(database: &Database, file: &str) -> Run {
    let mut command = Command::new("psql");
    for (name, value) in database.command(&[]).get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.args(["--no-psqlrc", "--quiet", "--file", file]);
    run(command)
}

#[test]
fn printed_sql_installs_with_psql() {
    let directory = TemporaryDirectory::new();
    let file = directory.file("store.sql");
    let random = random();
    for (schema, role) in [
        ("web", "nodepg"),
        ("we\"b; '; drop schema public; --", "no\\'de :role $$"),
        ("Größe", ":'x' $body$"),
    ] {
        let mut database = Database::with_role(&format!("{role}{}", &random[..8]));
        database.schema = schema.into();
        let printed = database.run(&["print-sql"]).expect(0);
        fs::write(&file, &printed.out).unwrap();
        let first = psql(&database, &file).expect(0).says(&["created"]);
        assert_eq!(first.err, "");
        psql(&database, &file).expect(0).says(&["(0 rows)"]);
        database.run(&["check"]).expect(1).says(&["no password"]);
        // Only refinery's history is missing, and nothing depends on it.
        database.run(&["rotate-password"]).expect(0);
        database
            .run(&["check"])
            .expect(0)
            .says(&["note", "correct_web_history", "session-admin install"])
            .hides("drift");
        let report = database
            .run(&["check", "--format", "json"])
            .expect(0)
            .json();
        assert_eq!(report["ok"], true);
        assert_eq!(report["notes"][0]["finding"], "release_not_recorded");
        // An install by the program adds the history, and nothing else.
        let added = database
            .run(&["install", "--format", "json"])
            .expect(0)
            .json();
        let kinds: Vec<&str> = added["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|change| change["object"].as_str().unwrap())
            .collect();
        let mut expected = vec!["correct_web_history".to_owned()];
        expected.extend((1..=newest_release()).map(|release| release.to_string()));
        assert_eq!(kinds, expected);
        database.expect_up_to_date();
        database
            .run(&["check"])
            .expect(0)
            .hides("correct_web_history");
        // If the routine differs from that of the release, a missing history is drift.
        database
            .superuser()
            .batch_execute(
                "drop table public.correct_web_history; comment on function public.correct_web(text, text) is 'mine'",
            )
            .unwrap();
        database.run(&["check"]).expect(1).says(&[
            "drift table correct_web_history is missing",
            "drift release 1 is missing",
            "drift routine ",
        ]);
    }
}

#[test]
fn failed_printed_sql_changes_nothing() {
    let mut database = Database::new();
    // Only the last statement finds that PostgreSQL reserves the name.
    database.schema = "pg_reserved".into();
    let directory = TemporaryDirectory::new();
    let file = directory.file("store.sql");
    fs::write(&file, database.run(&["print-sql"]).expect(0).out).unwrap();
    let before = database.snapshot();
    psql(&database, &file).expect(3);
    assert_eq!(database.snapshot(), before);
}

#[test]
fn print_sql_needs_no_server() {
    let mut command = bare_command(&["print-sql"]);
    command
        .env("PGHOST", "/nowhere")
        .env("PGSERVICE", "missing");
    let printed = run(command).expect(0);
    assert!(printed.out.contains("\\set ON_ERROR_STOP on"));
    assert!(
        printed
            .out
            .contains("from public.correct_web('web', 'nodepg');")
    );
    assert!(printed.out.ends_with("commit;\n"));
    run(bare_command(&["print-sql", "--schema", "a\nb"]))
        .expect(2)
        .says(&["Hint:"]);
}
