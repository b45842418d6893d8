//! `session-admin import --from tower-sessions-sqlx-store`, from a table that the crate itself created and filled.
//!
//! `tests/fixtures/tower_sessions_store/` is a separate program, because of its dependencies. The test builds it, and is skipped if
//! that fails.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::environment::set_superuser_login;
use crate::support::session_admin::{Database, Run, run_with_input};
use crate::support::skip::skip;
use serde_json::{Value, json};

/// Builds the program, and returns its path.
fn program() -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tower_sessions_store");
    // In cargo's directory, so that it is built once.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tower_sessions_store");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--locked", "--quiet", "--manifest-path"])
        .arg(source.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .output();
    match built {
        Ok(output) if output.status.success() => {
            Some(target.join("debug").join("tower-sessions-store"))
        }
        Ok(output) => {
            skip(&format!(
                "its program cannot be built: {}",
                String::from_utf8_lossy(&output.stderr)
            ));
            None
        }
        Err(error) => {
            skip(&format!("cargo does not run: {error}"));
            None
        }
    }
}

/// Runs the program as the superuser, because the server accepts only it on the socket.
fn call(program: &Path, database: &Database, verb: &str, input: &Value) -> Value {
    let mut command = Command::new(program);
    command.arg(verb);
    set_superuser_login(&mut command, &database.name);
    run_with_input(command, input.to_string().as_bytes())
        .expect(0)
        .json()
}

fn counts(run: &Run) -> [i64; 4] {
    let json = run.json();
    ["imported", "existing", "expired", "unreadable"].map(|name| json[name].as_i64().unwrap())
}

const IMPORT: [&str; 5] = [
    "import",
    "--from",
    "tower-sessions-sqlx-store",
    "--user-pointer=/axum-login.data/user_id",
    "--format=json",
];

#[test]
fn tower_sessions_are_imported() {
    let Some(program) = program() else {
        return;
    };
    let database = Database::installed();
    let data = [
        json!({}),
        json!({"user": "Secret", "n": 1, "negative": -7, "float": 1.5, "null": null, "yes": true}),
        json!({"nested": {"list": [1, [2, {"three": "ü€😀\u{0}"}]], "": {}}, "most": u64::MAX, "least": i64::MIN}),
        json!({"axum-login.data": {"user_id": "Secret", "auth_hash": [1, 2, 255]}}),
        json!({"long": "x".repeat(100_000)}),
    ];
    let mut input: Vec<Value> = data.iter().map(|data| json!([data, 3600])).collect();
    input.push(json!([{"expired": "Secret"}, -60]));
    let ids = call(&program, &database, "set", &json!(input));
    let theirs = call(&program, &database, "get", &ids);

    let import = |more: &[&str]| {
        let arguments = [&IMPORT[..], more].concat();
        database.run(&arguments).hides("Secret")
    };
    assert_eq!(counts(&import(&["--dry-run"]).expect(0)), [5, 0, 1, 0]);
    let done = import(&["--batch=2"]).expect(0);
    assert_eq!(counts(&done), [5, 0, 1, 0]);
    assert_eq!(done.json()["expiry_time_zone"], Value::Null);

    let mut client = database.superuser();
    let ours: Vec<Value> = ids
        .as_array()
        .unwrap()
        .iter()
        .map(|id| {
            let id = id.as_str().unwrap();
            assert_eq!(id.len(), 22);
            client
                .query_opt(
                    "select data from web.load_session(sha256(convert_to($1, 'UTF8')))",
                    &[&id],
                )
                .unwrap()
                .map_or(Value::Null, |row| serde_json::from_str(row.get(0)).unwrap())
        })
        .collect();
    let mut expected = data.to_vec();
    expected.push(Value::Null);
    assert_eq!(ours, expected);
    assert_eq!(theirs, json!(expected));
    let exact: i64 = client
        .query_one(
            "select count(*)
            from tower_sessions.session as t
            join web.session as s on s.key = sha256(convert_to(t.id, 'UTF8')) and s.expires_at = t.expiry_date",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(exact, 5);
    let users: Vec<String> = client
        .query(
            "select user_id from web.session where user_id is not null",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(users, ["Secret"]);

    // Values that are no record, or a damaged one.
    client
        .batch_execute(
            r"insert into tower_sessions.session values
               ('Secret empty', '', now() + interval '1 day'),
               ('Secret text', '{}', now() + interval '1 day'),
               ('Secret array', '\x93c0c0c0', now() + interval '1 day'),
               ('Secret binary', '\x93c081a178c40100c0', now() + interval '1 day');
             insert into tower_sessions.session
             select 'Secret cut', substr(data, 1, length(data) / 2), expiry_date
             from tower_sessions.session where length(data) > 1000",
        )
        .unwrap();
    let again = import(&[]).expect(1);
    assert_eq!(counts(&again), [0, 5, 1, 5]);
    assert_eq!(
        again.json()["reasons"],
        json!({"the data is not a MessagePack record of tower-sessions": 5})
    );
    // The table of one store is not accepted as that of another.
    database
        .run(&[
            "import",
            "--from=koa-pg-session",
            "--table=tower_sessions.session",
            "--data-column=data",
            "--expiry-column=expiry_date",
        ])
        .expect(2)
        .says(&["which is not a type of this store's data"]);
}
