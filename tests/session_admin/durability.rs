//! `session-admin install --durability`, and what `check` and `status` say of it.

use crate::support::server::{quoted, value};
use crate::support::session_admin::{Database, Run, end, start};

/// Installs with this durability.
fn install(database: &Database, durability: &str) -> Run {
    database.run(&["install", "--durability", durability])
}

/// Returns the names of the notes of a check about the durability, and the durability.
fn checked(database: &Database) -> (String, Vec<String>) {
    let report = database
        .run(&["check", "--format", "json"])
        .expect(0)
        .json();
    let notes = report["notes"].as_array().unwrap().iter();
    (
        report["durability"].as_str().unwrap().to_owned(),
        notes
            .map(|note| note["finding"].as_str().unwrap().to_owned())
            .filter(|name| name.starts_with("durability_"))
            .collect(),
    )
}

fn store() -> Database {
    let database = Database::installed();
    database.run(&["rotate-password"]).expect(0);
    database
        .superuser()
        .batch_execute("select web.set_session_data('survivor', '{\"n\":1}', null)")
        .unwrap();
    database
}

#[track_caller]
fn assert_survives(database: &Database) {
    let sql = "select web.get_session_data('survivor')";
    assert_eq!(value::<String>(&mut database.superuser(), sql), "{\"n\":1}");
}

#[test]
fn install_switches_durability_and_check_and_status_name_it() {
    let database = store();
    assert_eq!(checked(&database), ("full".into(), vec![]));
    database
        .run(&["check"])
        .expect(0)
        .says(&["durability full"]);
    for (durability, said, is_rewritten) in [
        ("relaxed", "ended sessions stay ended", false),
        ("unlogged", "lose every session", true),
        ("relaxed", "ended sessions stay ended", true),
        ("full", "loses nothing", false),
    ] {
        // A dry run tells the same, and changes nothing.
        let before = database.snapshot();
        let planned = database
            .run(&["install", "--dry-run", "--durability", durability])
            .expect(0)
            .says(&["would be changed table session: comment was"]);
        assert_eq!(database.snapshot(), before);
        let installed = install(&database, durability)
            .expect(0)
            .says(&["changed table session: comment was", said]);
        for run in [planned, installed] {
            let is_warned = run.err.contains("has to be written anew");
            assert_eq!(is_warned, is_rewritten, "{run}");
        }
        assert_survives(&database);
        database.expect_up_to_date();
        install(&database, durability)
            .expect(0)
            .says(&["Already up to date"])
            .hides("written anew")
            .hides("reconnect");

        let note = format!("durability_{durability}");
        let notes = if durability == "full" {
            vec![]
        } else {
            vec![note]
        };
        assert_eq!(checked(&database), (durability.to_owned(), notes));
        database
            .run(&["status"])
            .expect(0)
            .says(&[&format!("durability     {durability}: "), said]);
        let status = database
            .run(&["status", "--format", "json"])
            .expect(0)
            .json();
        assert_eq!(status["durability"], durability);
        let sample =
            format!("connect_pg_durability_info{{schema=\"web\",durability=\"{durability}\"}} 1\n");
        database
            .run(&["status", "--format", "prometheus"])
            .expect(0)
            .says(&[&sample]);
    }
}

#[test]
fn relaxed_store_sets_commits_of_its_role_in_its_database() {
    let database = store();
    let password = database.run(&["rotate-password"]).expect(0).out;
    let setting = || -> String {
        let mut client = database.login(&database.role, password.trim()).unwrap();
        value(&mut client, "select current_setting('synchronous_commit')")
    };
    assert_eq!(setting(), "on");
    install(&database, "relaxed")
        .expect(0)
        .says(&["keep the old setting until they reconnect"]);
    assert_eq!(setting(), "off");
    install(&database, "full")
        .expect(0)
        .says(&["keep the old setting until they reconnect"]);
    assert_eq!(setting(), "on");
}

#[test]
fn check_reports_durability_that_was_changed_by_hand_and_install_repairs_it() {
    let database = store();
    let role = quoted(&database.role);
    let in_database = format!("alter role {role} in database {}", database.name);
    let differs = "drift table session differs: persistence is";
    for (durability, harm, line, found) in [
        (
            "full",
            "alter table web.session set unlogged".to_owned(),
            format!("{differs} unlogged, should be logged"),
            "unlogged",
        ),
        (
            "full",
            format!("{in_database} set synchronous_commit = off"),
            "synchronous_commit=off, should be".into(),
            "relaxed",
        ),
        (
            "relaxed",
            format!("{in_database} reset synchronous_commit"),
            ", synchronous_commit=off".into(),
            "full",
        ),
        (
            "relaxed",
            "alter table web.session set unlogged".into(),
            format!("{differs} unlogged, should be logged"),
            "unlogged",
        ),
        (
            "unlogged",
            "alter table web.session set logged".into(),
            format!("{differs} logged, should be unlogged"),
            "full",
        ),
    ] {
        install(&database, durability).expect(0);
        database.superuser().batch_execute(&harm).unwrap();
        database.run(&["check"]).expect(1).says(&["drift ", &line]);
        // The status tells what a crash would lose now.
        let status = database
            .run(&["status", "--format", "json"])
            .expect(0)
            .json();
        assert_eq!(status["durability"], found, "{harm}");
        let repaired = database.run(&["install"]).expect(0);
        let is_table = harm.starts_with("alter table");
        assert_eq!(
            repaired.err.contains("written anew"),
            is_table,
            "{repaired}"
        );
        database.run(&["check"]).expect(0);
        let status = database
            .run(&["status", "--format", "json"])
            .expect(0)
            .json();
        assert_eq!(status["durability"], durability, "{harm}");
        assert_survives(&database);
    }
}

#[test]
fn setting_of_database_that_relaxes_a_full_store_is_a_note() {
    let database = store();
    let alter = |sql: &str| {
        let mut client = database.superuser();
        client.batch_execute(sql).unwrap();
    };
    alter(&format!(
        "alter database {} set synchronous_commit = off",
        database.name
    ));
    assert_eq!(
        checked(&database),
        ("full".into(), vec!["durability_relaxed_by_server".into()])
    );
    // The role has a setting of its own, which an install keeps.
    let role = quoted(&database.role);
    alter(&format!(
        "alter role {role} set synchronous_commit = remote_apply"
    ));
    assert_eq!(checked(&database), ("full".into(), vec![]));
    database.expect_up_to_date();
}

#[test]
fn switch_to_unlogged_names_the_publication_in_its_way() {
    let database = store();
    database
        .superuser()
        .batch_execute("create publication moving for table web.session")
        .unwrap();
    for arguments in [
        &["install", "--durability", "unlogged"][..],
        &["install", "--dry-run", "--durability", "unlogged"],
    ] {
        database.run(arguments).expect(2).says(&[
            "the publication moving contains the session table",
            "Hint: alter publication moving drop table web.session",
        ]);
    }
    install(&database, "relaxed").expect(0);
}

#[test]
fn relaxed_store_needs_a_role_of_its_own() {
    let mut database = store();
    install(&database, "relaxed").expect(0);
    database.schema = "web_2".into();
    database.run(&["install"]).expect(2).says(&[
        "the store in schema web has the runtime role",
        "a relaxed store needs a role of its own",
        "Hint: Choose another name for the role.",
    ]);
    database.schema = "web".into();
    database.run(&["check"]).expect(0);
}

#[test]
fn switch_behind_open_transaction_names_it_and_lets_requests_through() {
    let database = store();
    let mut reader = database.superuser();
    reader
        .batch_execute("set application_name = 'reader'; begin; select count(*) from web.session")
        .unwrap();
    let mut child = start(database.command(&["install", "--durability", "unlogged"]));
    // The switch asks for its lock for 200 ms at a time. This request would wait for the reader if it waited for longer.
    let mut client = database.superuser();
    client
        .batch_execute(
            "set lock_timeout = '30s'; select web.set_session_data('another', '{}', null)",
        )
        .unwrap();
    assert!(child.try_wait().unwrap().is_none());
    reader.batch_execute("rollback").unwrap();
    end(child).expect(0);
    assert_eq!(checked(&database).0, "unlogged");
}

#[test]
fn printed_sql_has_the_durability() {
    let database = Database::new();
    // Without the option the script keeps what there is, as install does.
    for arguments in [
        &["print-sql", "--durability", "unlogged"][..],
        &["print-sql"],
    ] {
        let printed = database.run(arguments).expect(0).out;
        // What is before it is for psql.
        let at = printed.find("begin isolation level").unwrap();
        database.superuser().batch_execute(&printed[at..]).unwrap();
        database
            .run(&["check"])
            .expect(1)
            .says(&["the durability is unlogged"])
            .hides("drift");
    }
}

#[test]
fn uninstall_of_relaxed_store_removes_its_setting() {
    let database = store();
    install(&database, "relaxed").expect(0);
    database
        .run(&["uninstall", "--yes"])
        .expect(0)
        .says(&["removed setting of the role synchronous_commit\n"]);
    let sql = "select count(*) from pg_db_role_setting as s where s.setdatabase = (select d.oid from pg_database as d where d.datname = current_database())";
    assert_eq!(value::<i64>(&mut database.superuser(), sql), 0);
}
