//! What a monitoring system reads: metrics, the exit status of a probe, and both without a right to the sessions.

use crate::support::server::quoted;
use crate::support::session_admin::{Database, Run, installer_login};

/// Creates sessions: two live ones, one that was ended, and two that expired an hour ago.
fn fill(database: &Database) {
    // The rows expire after the last new row: a new row may prune.
    database
        .superuser()
        .batch_execute(
            "select web.set_session_data('live ' || n, '{}', now() + interval '1 day') from generate_series(1, 2) as n;
             select web.set_session_data('expired ' || n, '{}', now() + interval '1 day') from generate_series(1, 2) as n;
             select web.set_session_data('ended', '{}', now() + interval '1 day');
             select web.end_session(sha256('ended'));
             update web.session
             set expires_at = now() - interval '1 hour', slide_at = now() - interval '1 hour', prune_after = now() - interval '1 hour'
             where key in (sha256('expired 1'), sha256('expired 2'))",
        )
        .unwrap();
}

/// Returns the value of a metric.
#[track_caller]
fn metric(run: &Run, name: &str) -> f64 {
    let line = run
        .out
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .unwrap_or_else(|| panic!("no {name} in\n{run}"));
    line.parse().unwrap()
}

#[test]
fn status_prints_metrics_for_prometheus() {
    let mut database = Database::new();
    database.schema = "we\"b\\".into();
    database.run(&["install"]).expect(0);
    let run = database
        .run(&["status", "--format", "prometheus"])
        .expect(0)
        .hides("last_prune")
        .hides("hot_share");
    let label = r#"schema="we\"b\\""#;
    assert!(
        metric(
            &run,
            &format!("connect_pg_sessions{{{label},state=\"live\"}}")
        )
        .abs()
            < 0.5
    );

    let database = Database::installed();
    fill(&database);
    let run = database
        .run(&["status", "--format", "prometheus"])
        .expect(0);
    for (name, expected) in [
        (r#"connect_pg_sessions{schema="web",state="live"}"#, 2.0),
        (r#"connect_pg_sessions{schema="web",state="expired"}"#, 2.0),
        (r#"connect_pg_sessions{schema="web",state="ended"}"#, 1.0),
    ] {
        assert!((metric(&run, name) - expected).abs() < 0.5, "{name}\n{run}");
    }
    assert!(metric(&run, r#"connect_pg_oldest_expired_seconds{schema="web"}"#) >= 3600.0);
    assert!(
        metric(
            &run,
            r#"connect_pg_size_bytes{schema="web",part="indexes"}"#
        ) > 0.0
    );
    // Each metric has a line of help and one of its type, and every other line is a sample.
    for line in run.out.lines() {
        assert!(
            line.starts_with("# HELP connect_pg_")
                || line.starts_with("# TYPE connect_pg_")
                || line.starts_with("connect_pg_"),
            "{line}"
        );
    }
    assert_eq!(
        run.out.matches("# HELP ").count(),
        run.out.matches("# TYPE ").count()
    );

    database.run(&["prune"]).expect(0);
    let run = database
        .run(&["status", "--format", "prometheus"])
        .expect(0);
    assert!(metric(&run, r#"connect_pg_oldest_expired_seconds{schema="web"}"#).abs() < 0.5);
    assert!(
        metric(
            &run,
            r#"connect_pg_last_prune_timestamp_seconds{schema="web"}"#
        ) > 1e9
    );
    database
        .run(&["check", "--format", "prometheus"])
        .expect(2)
        .says(&["for status only", "Hint: use --format json"]);
}

#[test]
fn probe_tells_drift_from_danger_and_failure() {
    let database = Database::new();
    let probe = |more: &[&str]| database.run(&[&["check", "--probe"], more].concat());
    probe(&[]).expect(2).says(&["not installed"]);
    database.run(&["install"]).expect(0);
    probe(&[]).expect(2).says(&["has no password"]);
    database.run(&["rotate-password"]).expect(0);
    probe(&[]).expect(0);

    let mut client = database.superuser();
    client
        .batch_execute("alter table web.session set (fillfactor = 100)")
        .unwrap();
    probe(&[]).expect(1).says(&["drift"]);
    client
        .batch_execute("create publication one for table web.session")
        .unwrap();
    probe(&[]).expect(2).says(&["drift", "warning"]);
    database
        .run_with(&[("PGPORT", "1")], &["check", "--probe"])
        .expect(3);
    database.run_with(&[("PGPORT", "1")], &["check"]).expect(2);
    client.batch_execute("drop publication one").unwrap();
    database.run(&["install"]).expect(0);
    probe(&[]).expect(0);

    fill(&database);
    for (seconds, code) in [("0", 1), ("3000", 1), ("86400", 0)] {
        let options = ["--max-expired-age", seconds];
        probe(&options).expect(code);
        database
            .run(&[&["check"], &options[..]].concat())
            .expect(code);
    }
    let report = database
        .run(&["check", "--max-expired-age", "3000", "--format", "json"])
        .expect(1)
        .json();
    assert_eq!(
        report["findings"][0]["finding"],
        "expired_sessions_not_pruned"
    );
    database
        .run(&["check", "--max-expired-age", "3000"])
        .expect(1)
        .says(&["2 expired sessions are not pruned"]);
    database.run(&["prune"]).expect(0);
    probe(&["--max-expired-age", "0"]).expect(0);
}

#[test]
fn probe_with_wrong_usage_fails_and_tells_no_danger() {
    let database = Database::installed();
    for wrong in [
        &["check", "--probe", "--max-expired-age", "day"][..],
        &["check", "--probe", "--unknown"],
        &["check", "--probe=yes"],
        &["--unknown", "check", "--probe"],
        &["check", "--probe", "--format", "prometheus"],
    ] {
        database.run(wrong).expect(3);
    }
    for wrong in [
        &["check", "--max-expired-age", "day"][..],
        &["users", "--probe"],
        &["prune", "--unknown"],
        &[],
    ] {
        database.run(wrong).expect(2);
    }
    database
        .run(&["check", "--probe", "--help"])
        .expect(0)
        .says(&["--max-expired-age needs more: a superuser"]);
    database.run(&["--version"]).expect(0);
}

// The role that installed the store may read the catalogs, and not the number of sessions.
#[test]
fn installer_without_owner_role_is_told_what_max_expired_age_needs() {
    let mut database = Database::new();
    let installer = database.installer();
    let as_installer = installer_login(&installer);
    database.run_with(&as_installer, &["install"]).expect(0);
    database
        .run_with(&as_installer, &["rotate-password"])
        .expect(0);
    database.run_with(&as_installer, &["check"]).expect(0);
    let aged = ["check", "--max-expired-age", "60"];
    database
        .run_with(&as_installer, &aged)
        .expect(2)
        .says(&["grant", "_owner", "to current_user"]);
    let mut client = database.login(&installer, "installer").unwrap();
    client
        .batch_execute(&format!(
            "grant {} to current_user",
            quoted(&format!("{}_owner", database.role))
        ))
        .unwrap();
    database.run_with(&as_installer, &aged).expect(0);
}

#[test]
fn member_of_pg_monitor_reads_status_and_check_but_no_session() {
    let mut database = Database::installed();
    database.run(&["rotate-password"]).expect(0);
    fill(&database);
    let monitor = database.own_role("login password 'monitor'");
    let as_monitor = [("PGUSER", monitor.as_str()), ("PGPASSWORD", "monitor")];
    for command in [&["status"][..], &["check"]] {
        database
            .run_with(&as_monitor, command)
            .expect(2)
            .says(&["grant pg_monitor to"]);
    }
    database
        .superuser()
        .batch_execute(&format!("grant pg_monitor to {monitor}"))
        .unwrap();
    database
        .run_with(&as_monitor, &["status"])
        .expect(0)
        .says(&["live           2\n"]);
    database
        .run_with(&as_monitor, &["check", "--max-expired-age", "86400"])
        .expect(0)
        .says(&["ok the store matches release"]);
    database
        .run_with(&as_monitor, &["check", "--max-expired-age", "60"])
        .expect(1);

    // It has no other right to the store.
    for command in [
        &["users", "ada"][..],
        &["export"],
        &["configure"],
        &["prune"],
        &["end", "--all", "--yes"],
        &["install"],
        &["uninstall", "--yes"],
    ] {
        database
            .run_with(&as_monitor, command)
            .expect(2)
            .says(&["Hint:"]);
    }
    let mut client = database.login(&monitor, "monitor").unwrap();
    for sql in [
        "select count(*) from web.session",
        "select web.load_session(sha256('live 1'))",
        "select web.get_session_data('live 1')",
        "select web.export_sessions()",
        "select web.user_sessions('ada')",
        "delete from public.correct_web_history",
    ] {
        let error = client.batch_execute(sql).unwrap_err();
        let code = error.code().map(|code| code.code().to_owned());
        assert!(
            matches!(code.as_deref(), Some("42501" | "42883")),
            "{sql}: {error:?}"
        );
    }
}
