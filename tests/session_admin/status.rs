//! `session-admin status`

use crate::support::session_admin::Database;

#[test]
fn status_counts_sessions_by_state() {
    let database = Database::installed();
    let empty = database
        .run(&["status", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(
        (
            &empty["live"],
            &empty["hot_share"],
            &empty["last_pruned_at"]
        ),
        (&0.into(), &().into(), &().into())
    );
    let mut client = database.superuser();
    // The rows expire after the last new row: a new row may prune.
    client
        .batch_execute(
            "select web.set_session_data('live ' || n, '{}', now() + interval '1 day') from generate_series(1, 5) as n;
             select web.set_session_data('expired ' || n, '{}', now() + interval '1 day') from generate_series(1, 2) as n;
             update web.session
             set expires_at = now() - interval '1 second', slide_at = now() - interval '1 second'
             where key in (sha256('expired 1'), sha256('expired 2'));
             select web.destroy_session('live 1')",
        )
        .unwrap();
    let status = database
        .run(&["status", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(
        (&status["live"], &status["expired"], &status["ended"]),
        (&4.into(), &2.into(), &1.into())
    );
    assert!(status["total_bytes"].as_i64() >= status["table_bytes"].as_i64());
    assert_eq!(status["schema"], "web");

    database.run(&["prune"]).expect(0);
    let status = database
        .run_with(
            &[("PGOPTIONS", "-c DateStyle=German -c TimeZone=Asia/Tokyo")],
            &["status", "--format", "json"],
        )
        .expect(0)
        .json();
    let pruned = status["last_pruned_at"].as_str().unwrap();
    let now: String = client
        .query_one(
            "select to_char(now() at time zone 'UTC', 'YYYY-MM-DD')",
            &[],
        )
        .unwrap()
        .get(0);
    assert!(
        pruned.starts_with(&now) && pruned.ends_with('Z') && pruned.len() == 20,
        "{pruned}"
    );

    database.run(&["status"]).expect(0).says(&[
        "live           4\n",
        "dead rows",
        "HOT",
        "last prune     2",
        "size",
    ]);
}

#[test]
fn status_refuses_runtime_role() {
    let database = Database::installed();
    let password = database.run(&["rotate-password"]).expect(0).out;
    database
        .run_with(
            &[("PGUSER", &database.role), ("PGPASSWORD", password.trim())],
            &["status"],
        )
        .expect(2)
        .says(&["Hint: connect as a superuser"]);
}
