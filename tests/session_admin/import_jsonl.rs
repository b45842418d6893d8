//! `session-admin export` and `session-admin import --from jsonl`, from one server to another.

use std::fs;

use crate::support::session_admin::{Database, Run, run, run_with_input};
use crate::support::temporary_directory::TemporaryDirectory;
use serde_json::{Value, json};

fn import(database: &Database, lines: &str, more: &[&str]) -> Run {
    let arguments = [&["import", "--from", "jsonl", "--format", "json"], more].concat();
    run_with_input(database.command(&arguments), lines.as_bytes())
}

fn counts(run: &Run) -> [i64; 4] {
    let json = run.json();
    ["imported", "existing", "expired", "unreadable"].map(|name| json[name].as_i64().unwrap())
}

/// Returns all columns of the live sessions except version and slides.
fn sessions(database: &Database) -> String {
    database
        .superuser()
        .query_one(
            "select coalesce(string_agg(s::text, e'\\n' order by s.key), '')
            from (
                select key, data, created_at, last_used_at, expires_at, absolute_expires_at, idle_timeout_seconds, user_id,
                    client_address, user_agent, label
                from web.session
                where expires_at > now()
            ) as s",
            &[],
        )
        .unwrap()
        .get(0)
}

#[test]
fn export_and_import_move_all_sessions() {
    let [old, new] = [Database::installed(), Database::installed()];
    old.superuser()
        .batch_execute(
            r#"select web.create_session(sha256('full'), '{"a":"\u0000é"}', 600, 3600, 'alice', '192.0.2.0/24', E'a\nb"', E'l\\');
               select web.create_session(sha256(convert_to('n' || n, 'UTF8')), '{}') from generate_series(1, 2500) as n;
               select web.set_session_data('text', 'no JSON', now() + interval '1 hour');
               select web.set_session_data('expired', '{}', now() - interval '1 second');
               select web.destroy_session('n1')"#,
        )
        .unwrap();
    let directory = TemporaryDirectory::new();
    let file = directory.file("sessions.jsonl");
    fs::write(&file, "what was here before").unwrap();
    let exported = old
        .run(&["export", "--output", &file, "--format", "json"])
        .expect(0);
    assert_eq!(
        exported.json(),
        json!({"exported": 2501, "output": file.as_str()})
    );
    assert_eq!(directory.file_names(), ["sessions.jsonl"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let lines = fs::read_to_string(&file).unwrap();
    let printed = old.run(&["export"]).expect(0);
    assert!(printed.out == lines && printed.err.contains("Exported 2,501 sessions."));
    let full: Value = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .find(|line: &Value| line["user_id"] == "alice")
        .unwrap();
    assert_eq!(full["data"], r#"{"a":"\u0000é"}"#);
    assert_eq!(full["client_address"], "192.0.2.0/24");
    assert_eq!(full["idle_timeout_seconds"], 600);
    assert_eq!(full["key"].as_str().unwrap().len(), 64);
    let created = full["created_at"].as_str().unwrap();
    assert!(created.len() == 27 && created.ends_with('Z'), "{created}");

    let dry = import(&new, &lines, &["--dry-run"]).expect(0);
    assert_eq!(counts(&dry), [2501, 0, 0, 0]);
    assert_eq!(sessions(&new), "");
    let done = import(&new, &lines, &["--batch", "7"]).expect(0);
    assert_eq!(counts(&done), [2501, 0, 0, 0]);
    assert_eq!(sessions(&new), sessions(&old));

    // A second import, from the file, after two logouts in the new store.
    new.superuser()
        .batch_execute("select web.destroy_session('n2'); select web.destroy_session('n3')")
        .unwrap();
    let again = new
        .run(&["import", "--from", "jsonl", &file, "--format=json"])
        .expect(0);
    assert_eq!(counts(&again), [0, 2501, 0, 0]);
    // One session has a user agent of two lines.
    assert_eq!(sessions(&new).lines().count(), 2499 + 1);
    for (argument, counts) in [("--dry-run", "0 to import"), ("--batch=7", "0 imported")] {
        let rest = ", 2,501 already present, 0 expired, 0 unreadable\n";
        new.run(&["import", "--from", "jsonl", &file, argument])
            .expect(0)
            .says(&[&format!("{counts}{rest}")]);
    }
}

#[test]
fn export_of_empty_store_is_empty() {
    let database = Database::installed();
    assert_eq!(database.run(&["export"]).expect(0).out, "");
    let done = import(&database, "\n \n", &[]).expect(0);
    assert_eq!(counts(&done), [0, 0, 0, 0]);
}

#[test]
fn failed_export_leaves_no_file() {
    let database = Database::installed();
    let directory = TemporaryDirectory::new();
    let file = directory.file("sessions.jsonl");
    database
        .superuser()
        .batch_execute("drop function web.export_sessions")
        .unwrap();
    database
        .run(&["export", "--output", &file])
        .expect(2)
        .says(&["session-admin install"]);
    assert!(directory.file_names().is_empty());
    database
        .run(&["export", "--output", &directory.file("no/such/place")])
        .expect(2)
        .says(&["--output"]);
}

#[test]
fn unreadable_lines_are_reported_and_skipped() {
    let database = Database::installed();
    let key = |digit: char| digit.to_string().repeat(64);
    let tomorrow: String = database
        .superuser()
        .query_one(
            r#"select to_char(now() at time zone 'UTC' + interval '1 day', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"#,
            &[],
        )
        .unwrap()
        .get(0);
    let lines = [
        "SECRET no JSON".to_owned(),
        json!({"key": "SECRET", "data": "{}"}).to_string(),
        json!({"key": key('0'), "data": null}).to_string(),
        json!({"key": key('1'), "data": {"SECRET": 1}}).to_string(),
        json!({"key": key('2'), "data": "SECRET", "expires_at": "tomorrow"}).to_string(),
        json!({"key": key('3'), "data": "SECRET", "expires_at": "2026-99-01T00:00:00Z"})
            .to_string(),
        json!({"key": key('4'), "data": "SECRET", "client_address": "here SECRET"}).to_string(),
        json!({"key": key('5'), "data": "SECRET\u{0}"}).to_string(),
        json!({"key": key('6'), "data": "SECRET", "idle_timeout_seconds": 0}).to_string(),
        json!({"key": key('7'), "data": "SECRET", "idle_timeout_seconds": 1e12}).to_string(),
        json!({"key": key('8'), "data": "SECRET", "user_id": ""}).to_string(),
        json!({"key": key('9'), "data": "S".repeat(1_048_577)}).to_string(),
        json!({"key": key('a'), "data": "SECRET", "expires_at": "2020-01-01T00:00:00.5+02:00"})
            .to_string(),
        json!({"key": key('b'), "data": "{}", "expires_at": tomorrow, "more": 1}).to_string(),
        json!({"key": key('b'), "data": "SECRET"}).to_string(),
        String::new(),
        json!({"key": key('c').to_uppercase(), "data": "{}"}).to_string(),
    ]
    .join("\r\n");
    let run = import(&database, &lines, &[]).expect(1).hides("SECRET");
    assert_eq!(counts(&run), [2, 1, 1, 12]);
    let reasons = run.json()["reasons"].clone();
    for reason in [
        "the line is not a JSON object",
        "no key of 64 hexadecimal digits",
        "no data",
        "a time is not in the format of RFC 3339",
        "the database refuses it (SQLSTATE 22008)",
        "the database refuses it (SQLSTATE 22P02)",
        "the database refuses it (SQLSTATE 22021)",
        "bad user id",
        "data too large",
    ] {
        assert_eq!(reasons[reason], 1, "{reason} in {reasons}");
    }
    assert_eq!(reasons["bad timeout"], 2);
    let unreadable = run.json()["unreadable_sessions"].clone();
    assert_eq!(unreadable[0]["position"], "line 1");
    let again = run_with_input(
        database.command(&["import", "--from", "jsonl", "-"]),
        lines.as_bytes(),
    );
    again
        .expect(1)
        .says(&[
            "unreadable line 2: no key of 64 hexadecimal digits",
            "12 unreadable (",
            "bad timeout: 2",
        ])
        .hides("SECRET");
}

#[test]
fn import_into_latin1_reports_untranslatable_lines() {
    let database = Database::new();
    let name = format!("{}_latin", database.name);
    database
        .superuser()
        .batch_execute(&format!(
            "create database {name} template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'"
        ))
        .unwrap();
    let command = |arguments: &[&str]| {
        let mut command = database.command(arguments);
        command.env("PGDATABASE", &name);
        command
    };
    run(command(&["install"])).expect(0);
    let line = |digit: &str, data: &str| json!({"key": digit.repeat(64), "data": data}).to_string();
    let lines = [line("0", "é"), line("1", "€"), line("2", "ü")].join("\n");
    let done = run_with_input(
        command(&["import", "--from", "jsonl", "--format", "json"]),
        lines.as_bytes(),
    );
    let exported = run(command(&["export"]));
    database
        .superuser()
        .batch_execute(&format!("drop database {name} with (force)"))
        .unwrap();
    let done = done.expect(1);
    assert_eq!(counts(&done), [2, 0, 0, 1]);
    assert_eq!(
        done.json()["unreadable_sessions"],
        json!([{"position": "line 2", "reason": "the database refuses it (SQLSTATE 22P05)"}])
    );
    assert!(exported.out.contains("\"é\"") && exported.out.contains("\"ü\""));
}

#[test]
fn conflicting_options_are_refused() {
    let database = Database::installed();
    for arguments in [
        &["import"][..],
        &["import", "--from", "redis"],
        &["import", "--from", "jsonl", "--table", "session"],
        &["import", "--from", "jsonl", "--user-pointer", "/user"],
        &[
            "import",
            "--from",
            "connect-pg-simple",
            "--user-pointer",
            "user",
        ],
        &["import", "--from", "jsonl", "/nonexistent"],
        &["import", "--from", "connect-pg-simple", "file"],
        &["import", "--from", "connect-pg-simple", "--batch", "0"],
        &[
            "import",
            "--from",
            "connect-pg-simple",
            "--source-url",
            "postgres://[",
        ],
    ] {
        database.run(arguments).expect(2);
    }
}

// A running application plans its statements by the statistics of the table, which autovacuum renews a minute later.
#[test]
fn import_renews_statistics_of_table() {
    let [old, new] = [Database::installed(), Database::installed()];
    old.superuser()
        .batch_execute(
            "select web.create_session(sha256(convert_to('n' || n, 'UTF8')), '{}') from generate_series(1, 1200) as n",
        )
        .unwrap();
    let lines = old.run(&["export"]).expect(0).out;
    let rows = || -> f32 {
        new.superuser()
            .query_one(
                "select c.reltuples from pg_class as c where c.oid = 'web.session'::regclass",
                &[],
            )
            .unwrap()
            .get(0)
    };
    import(&new, &lines, &["--dry-run"]).expect(0);
    assert!(rows() <= 0.0);
    import(&new, &lines, &[]).expect(0);
    assert!(rows() >= 1000.0);
}
