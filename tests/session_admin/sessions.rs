//! `session-admin users` and `session-admin end`

use crate::support::session_admin::{Database, Run};
use serde_json::Value;

const UNKNOWN_HANDLE: &str = "00000000-0000-4000-8000-000000000000";

/// Creates a store with three sessions of alice, one of bob, and one anonymous session.
fn populated() -> Database {
    let database = Database::installed();
    database
        .superuser()
        .batch_execute(
            "select web.create_session(sha256('a1'), '{}', null, null, 'alice', '192.0.2.7', 'Firefox' || chr(10) || 'x', 'phone');
             select web.create_session(sha256('a2'), '{}', null, null, 'alice', '2001:db8::1', 'curl');
             select web.create_session(sha256('a3'), '{}', null, null, 'alice');
             select web.create_session(sha256('b1'), '{}', null, null, 'bob');
             select web.create_session(sha256('n1'), '{\"secret\":1}');
             update web.session set last_used_at = last_used_at - interval '1 hour' where key <> sha256('a1');",
        )
        .unwrap();
    database
}

fn handle(database: &Database, id: &str) -> String {
    database
        .superuser()
        .query_one(
            "select handle::text from web.session where key = sha256(convert_to($1::text, 'UTF8'))",
            &[&id],
        )
        .unwrap()
        .get(0)
}

/// Returns the names of the sessions that load.
fn live(database: &Database) -> String {
    database
        .superuser()
        .query_one(
            "select string_agg(i, ' ' order by i)
            from unnest(array['a1', 'a2', 'a3', 'b1', 'n1']) as i
            where exists (select from web.load_session(sha256(convert_to(i, 'UTF8'))))",
            &[],
        )
        .unwrap()
        .get::<_, Option<String>>(0)
        .unwrap_or_default()
}

fn count(run: &Run, name: &str) -> i64 {
    run.json()[name].as_i64().unwrap()
}

#[test]
fn users_lists_sessions_of_user() {
    let database = populated();
    let run = database
        .run(&["users", "alice"])
        .expect(0)
        .says(&[
            "HANDLE",
            "LAST USED",
            "192.0.2.7  ",
            "2001:db8::1  ",
            "Firefox\\nx",
            "phone",
            &handle(&database, "a1"),
        ])
        .hides(&handle(&database, "b1"));
    assert_eq!(run.out.lines().count(), 4, "{run}");
    assert!(run.out.lines().nth(1).unwrap().contains("phone"), "{run}");

    let json = database
        .run(&["users", "alice", "--format", "json"])
        .expect(0)
        .json();
    let sessions = json["sessions"].as_array().unwrap();
    assert_eq!((json["user"].as_str(), sessions.len()), (Some("alice"), 3));
    assert_eq!(sessions[0]["handle"], handle(&database, "a1").as_str());
    assert_eq!(sessions[0]["client_address"], "192.0.2.7");
    assert_eq!(sessions[0]["user_agent"], "Firefox\nx");
    assert!(sessions[0]["created_at"].as_str().unwrap().ends_with('Z'));

    let run = database
        .run(&["users", "carol", "--format", "json"])
        .expect(1);
    assert_eq!(run.json()["sessions"], Value::Array(Vec::new()));
    database
        .run(&["users", "carol"])
        .expect(1)
        .says(&["carol has no live session."]);
}

#[test]
fn runtime_role_lists_and_ends_user_sessions_only() {
    let database = populated();
    let password = database.run(&["rotate-password"]).expect(0).out;
    let login = [
        ("PGUSER", database.role.as_str()),
        ("PGPASSWORD", password.trim()),
    ];
    database.run_with(&login, &["users", "alice"]).expect(0);
    let phone = handle(&database, "a1");
    for arguments in [
        &["end", "--handle", &phone][..],
        &["end", "--user", "alice", "--except-handle", &phone],
        &["end", "--all", "--yes"],
        &["export"],
        &["configure"],
        &["configure", "idle_timeout_seconds=60"],
    ] {
        database
            .run_with(&login, arguments)
            .expect(2)
            .says(&["Hint: connect as a superuser"]);
    }
    assert_eq!(live(&database), "a1 a2 a3 b1 n1");
    database
        .run_with(&login, &["end", "--user", "alice"])
        .expect(0);
    assert_eq!(live(&database), "b1 n1");
}

#[test]
fn end_by_handle_ends_one_session() {
    let database = populated();
    for id in ["a1", "n1"] {
        let handle = handle(&database, id);
        let before = live(&database);
        database
            .run(&["end", "--handle", &handle, "--dry-run"])
            .expect(0)
            .says(&[&handle, "Would end 1 session. Nothing was ended."]);
        assert_eq!(live(&database), before);
        database
            .run(&["end", "--handle", &handle])
            .expect(0)
            .says(&["Ended 1 session."]);
        assert_eq!(live(&database), before.replace(id, "").trim());
        // The second time there is nothing to end.
        for more in [None, Some("--dry-run")] {
            let mut arguments = vec!["end", "--handle", &handle];
            arguments.extend(more);
            database.run(&arguments).expect(1).says(&["Nothing to end"]);
        }
    }
    let reason: String = database
        .superuser()
        .query_one(
            "select ended_reason from web.session where key = sha256('n1')",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(reason, "revoked");
    database
        .run(&["end", "--handle", "phone"])
        .expect(2)
        .says(&["--handle"]);
}

#[test]
fn end_by_user_ends_all_or_all_others() {
    let database = populated();
    let run = database
        .run(&["end", "--user", "alice", "--dry-run", "--format", "json"])
        .expect(0);
    assert_eq!((count(&run, "ended"), count(&run, "would_end")), (0, 3));
    assert_eq!(run.json()["sessions"].as_array().unwrap().len(), 3);
    let phone = handle(&database, "a1");
    let except = ["end", "--user", "alice", "--except-handle", &phone];
    let run = database
        .run(&[&except[..], &["--dry-run"]].concat())
        .expect(0)
        .says(&["Would end 2 sessions of alice."])
        .hides(&phone);
    assert!(run.out.contains("curl"), "{run}");
    assert_eq!(live(&database), "a1 a2 a3 b1 n1");
    database
        .run(&except)
        .expect(0)
        .says(&["Ended 2 sessions of alice."]);
    assert_eq!(live(&database), "a1 b1 n1");
    database
        .run(&except)
        .expect(1)
        .says(&["alice has no other live session"]);

    // A handle that is not of this user is an error, and nothing ends.
    for strange in [UNKNOWN_HANDLE, &handle(&database, "b1")] {
        for more in [None, Some("--dry-run")] {
            let mut arguments = vec!["end", "--user", "alice", "--except-handle", strange];
            arguments.extend(more);
            database
                .run(&arguments)
                .expect(2)
                .says(&["nothing was ended", "session-admin users USER"]);
        }
    }
    assert_eq!(live(&database), "a1 b1 n1");
    let run = database
        .run(&["end", "--user", "alice", "--format", "json"])
        .expect(0);
    assert_eq!(count(&run, "ended"), 1);
    assert_eq!(live(&database), "b1 n1");
    database
        .run(&["end", "--user", "alice"])
        .expect(1)
        .says(&["Nothing to end: alice has no live session."]);
}

#[test]
fn end_all_requires_yes_and_leaves_tombstones() {
    let database = populated();
    database
        .run(&["end", "--all"])
        .expect(2)
        .says(&["would log out every user; nothing was ended", "--yes"]);
    assert_eq!(live(&database), "a1 a2 a3 b1 n1");
    let run = database
        .run(&["end", "--all", "--dry-run", "--format", "json"])
        .expect(0);
    assert_eq!(count(&run, "would_end"), 5);
    assert_eq!(live(&database), "a1 a2 a3 b1 n1");
    database
        .run(&["end", "--all", "--yes"])
        .expect(0)
        .says(&["Ended 5 sessions."]);
    assert_eq!(live(&database), "");
    let tombstones: i64 = database
        .superuser()
        .query_one(
            "select count(*) from web.session where ended_at is not null and data is null",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(tombstones, 5);
    database
        .run(&["end", "--all", "--yes"])
        .expect(1)
        .says(&["there is no live session"]);
}

// An attacker with the password of the runtime role leaves a transaction open.
#[test]
fn end_all_terminates_processes_in_its_way() {
    let mut database = populated();
    let administrator = database.own_role("login password 'administrator'");
    let password = database.run(&["rotate-password"]).expect(0).out;
    let mut superuser = database.superuser();
    superuser
        .batch_execute(&format!("grant {}_owner to {administrator}", database.role))
        .unwrap();
    let as_administrator = [
        ("PGUSER", administrator.as_str()),
        ("PGPASSWORD", "administrator"),
        ("PGOPTIONS", "-c lock_timeout=1s"),
    ];
    let as_superuser = [("PGOPTIONS", "-c lock_timeout=1s")];
    let mut reader = database.superuser();
    let mut open_reader = reader.transaction().unwrap();
    open_reader.query("select from web.session", &[]).unwrap();

    let leave_open = |call: &str| {
        let mut writer = database.login(&database.role, password.trim()).unwrap();
        writer
            .batch_execute(&format!(
                "set application_name = 'pwned'; begin; select {call}"
            ))
            .unwrap();
        let pid: i32 = writer
            .query_one("select pg_backend_pid()", &[])
            .unwrap()
            .get(0);
        (writer, pid)
    };
    let (mut writer, pid) = leave_open("web.set_session_data('open', '{}', null)");
    let process = format!("process {pid} (role {}", database.role);
    database
        .run_with(&as_superuser, &["end", "--all", "--yes"])
        .expect(2)
        .says(&[
            &format!("P{}", &process[1..]),
            "session-admin end --all --yes --terminate",
            "nothing was ended",
        ]);
    assert_eq!(live(&database), "a1 a2 a3 b1 n1");

    // A member of the owner role may not end processes of others.
    database
        .run_with(&as_administrator, &["end", "--all", "--yes", "--terminate"])
        .expect(2)
        .says(&["cannot end the processes", "pg_signal_backend"]);
    assert!(!writer.is_closed());
    superuser
        .batch_execute(&format!("grant pg_signal_backend to {administrator}"))
        .unwrap();
    database
        .run_with(&as_administrator, &["end", "--all", "--yes", "--terminate"])
        .expect(0)
        .says(&[
            &format!("Ended {process}, application pwned)\n"),
            "Ended 5 sessions.",
        ]);
    assert!(writer.batch_execute("select").is_err());
    assert_eq!(live(&database), "");

    // A superuser also sees how long the transaction was open. A lock on one session is in the way too.
    let (_writer, pid) = leave_open("web.lock_session(sha256('open'))");
    let run = database
        .run_with(
            &as_superuser,
            &["end", "--all", "--yes", "--terminate", "--format", "json"],
        )
        .expect(1);
    let terminated = &run.json()["terminated"];
    assert_eq!(terminated.as_array().unwrap().len(), 1, "{terminated}");
    assert_eq!(terminated[0]["pid"], pid);
    assert_eq!(terminated[0]["role"], *database.role);
    assert_eq!(terminated[0]["has_ended"], true);
    assert!(terminated[0]["transaction_age"].is_string());
    // A reader is not in the way, and a process that is not in the way is left alone.
    open_reader.query("select from web.session", &[]).unwrap();

    // Without a process in the way, none is ended.
    let run = database
        .run_with(
            &as_superuser,
            &["end", "--all", "--yes", "--terminate", "--format", "json"],
        )
        .expect(1);
    assert_eq!(run.json()["terminated"].as_array().unwrap().len(), 0);
}

#[test]
fn end_requires_exactly_one_selection() {
    let database = Database::new();
    for arguments in [
        &["end"][..],
        &["end", "--yes"],
        &["end", "--all", "--user", "alice"],
        &["end", "--user", "alice", "--handle", UNKNOWN_HANDLE],
        &["end", "--user", "alice", "--yes"],
        &["end", "--user", "alice", "--terminate"],
        &["end", "--all", "--dry-run", "--terminate"],
        &["end", "--except-handle", UNKNOWN_HANDLE],
        &["end", "--all", "--yes", "--except-handle", UNKNOWN_HANDLE],
    ] {
        database.run(arguments).expect(2).says(&["Usage"]);
    }
    for arguments in [&["users", "alice"][..], &["end", "--user", "alice"]] {
        database
            .run(arguments)
            .expect(2)
            .says(&["session-admin install"]);
    }
}
