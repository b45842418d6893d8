//! `session-admin prune`

use std::process::Command;

use crate::support::session_admin::{Database, end, start};
use crate::support::wait::wait_until;

/// Inserts sessions. Some have expired an hour ago and are due for pruning.
fn fill(database: &Database, expired: i32, live: i32) {
    let mut client = database.superuser();
    client
        .execute(
            "select web.create_session(sha256(convert_to('expired ' || n, 'UTF8')), '{}') from generate_series(1, $1::integer) as n",
            &[&expired],
        )
        .unwrap();
    // Moves the first of them into the past.
    client
        .batch_execute(
            "update web.session set created_at = created_at - interval '2 hours', expires_at = now() - interval '1 hour',
                slide_at = now() - interval '1 hour', last_used_at = last_used_at - interval '2 hours',
                prune_after = now() - interval '1 hour'",
        )
        .unwrap();
    client
        .execute(
            "select web.set_session_data('live ' || n, '{}', now() + interval '1 day') from generate_series(1, $1::integer) as n",
            &[&live],
        )
        .unwrap();
    // Each new session prunes some neighbors, so the tests count the rest.
}

fn count(database: &Database, which: &str) -> i64 {
    database
        .superuser()
        .query_one(
            &format!("select count(*) from web.session where {which}"),
            &[],
        )
        .unwrap()
        .get(0)
}

const PRUNABLE: &str = "expires_at <= now()";

#[test]
fn prune_continues_until_complete() {
    let database = Database::installed();
    fill(&database, 250, 3);
    let prunable = count(&database, PRUNABLE);
    assert!(prunable > 200);
    let report = database
        .run(&["prune", "--batch", "100", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(report["outcome"], "pruned");
    assert_eq!(report["deleted"], prunable);
    assert_eq!(report["batches"], 3);
    assert_eq!(
        (count(&database, PRUNABLE), count(&database, "true")),
        (0, 3)
    );
    database
        .run(&["prune"])
        .expect(0)
        .says(&["Nothing is left to prune: 0 deleted"]);
}

// A batch that deletes nothing is not the last one if it reschedules rows.
#[test]
fn prune_continues_while_rows_are_rescheduled() {
    let database = Database::installed();
    fill(&database, 0, 25);
    database
        .superuser()
        .batch_execute("update web.session set prune_after = now() - interval '1 minute'")
        .unwrap();
    let report = database
        .run(&["prune", "--batch", "10", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(
        (
            &report["deleted"],
            &report["rescheduled"],
            &report["batches"]
        ),
        (&0.into(), &25.into(), &3.into())
    );
    assert_eq!(count(&database, "prune_after > now()"), 25);
}

#[test]
fn prune_stops_at_max_rows() {
    let database = Database::installed();
    fill(&database, 100, 0);
    let prunable = count(&database, PRUNABLE);
    let report = database
        .run(&[
            "prune",
            "--max-rows",
            "25",
            "--batch",
            "10",
            "--format",
            "json",
        ])
        .expect(0)
        .json();
    assert_eq!(
        (&report["outcome"], &report["deleted"], &report["batches"]),
        (&"limit".into(), &25.into(), &3.into())
    );
    assert_eq!(count(&database, PRUNABLE), prunable - 25);
    for nonsense in [
        ["--batch", "0"],
        ["--batch", "-1"],
        ["--max-rows", "0"],
        ["--pause", "x"],
    ] {
        database.run(&["prune", nonsense[0], nonsense[1]]).expect(2);
    }
}

#[test]
fn runtime_role_prunes() {
    let database = Database::installed();
    fill(&database, 10, 0);
    let password = database.run(&["rotate-password"]).expect(0).out;
    database
        .run_with(
            &[("PGUSER", &database.role), ("PGPASSWORD", password.trim())],
            &["prune"],
        )
        .expect(0);
    assert_eq!(count(&database, PRUNABLE), 0);
}

#[test]
fn prune_beside_another_pruner_exits_1() {
    let database = Database::installed();
    fill(&database, 10, 0);
    let mut other = database.superuser();
    let mut open = other.transaction().unwrap();
    open.batch_execute("select * from web.prune_sessions(1)")
        .unwrap();
    let report = database
        .run(&["prune", "--format", "json"])
        .expect(1)
        .json();
    assert_eq!(
        (&report["outcome"], &report["deleted"]),
        (&"busy".into(), &0.into())
    );
    open.rollback().unwrap();
    database.run(&["prune"]).expect(0);
}

#[test]
fn interrupt_stops_prune_between_batches() {
    let database = Database::installed();
    fill(&database, 50, 0);
    let prunable = count(&database, PRUNABLE);
    let child = start(database.command(&[
        "prune", "--batch", "10", "--pause", "3600000", "--format", "json",
    ]));
    wait_until("a batch is deleted", || {
        count(&database, PRUNABLE) < prunable
    });
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let report = end(child).expect(1).json();
    assert_eq!(
        (&report["outcome"], &report["deleted"], &report["batches"]),
        (&"interrupted".into(), &10.into(), &1.into())
    );
    assert_eq!(count(&database, PRUNABLE), prunable - 10);
}
