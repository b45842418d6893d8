//! `session-admin check`

use crate::support::server::{quoted, value};
use crate::support::session_admin::{Database, newest_release, start};
use crate::support::skip::skip;
use crate::support::wait::wait_until;
use connect_pg::install::LOCK_KEY;

/// Returns the words of all findings, or of all notes.
fn words(report: &serde_json::Value, list: &str) -> Vec<String> {
    report[list]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["finding"].as_str().unwrap().to_owned())
        .collect()
}

/// Returns a store that check finds nothing in.
fn correct_store() -> Database {
    let database = Database::installed();
    database.run(&["rotate-password"]).expect(0);
    database
}

/// Returns what check prints as JSON. Fails the test if the exit status is another one.
#[track_caller]
fn check_json(database: &Database, status: i32) -> serde_json::Value {
    database
        .run(&["check", "--format", "json"])
        .expect(status)
        .json()
}

#[test]
fn check_of_missing_store_exits_1() {
    let database = Database::new();
    database
        .run(&["check"])
        .expect(1)
        .says(&["not installed", "session-admin install"]);
    let report = check_json(&database, 1);
    assert_eq!(
        (report["ok"].as_bool(), report["installed"].as_bool()),
        (Some(false), Some(false))
    );
    // The routine of another store exists, and this store does not.
    let mut database = Database::installed();
    database.schema = "other".into();
    database.run(&["check"]).expect(1).says(&["not installed"]);
}

#[test]
fn check_of_correct_store_exits_0() {
    let database = correct_store();
    let before = database.snapshot();
    database
        .run(&["check"])
        .expect(0)
        .says(&["ok"])
        .hides("drift")
        .hides("warning");
    let report = check_json(&database, 0);
    assert_eq!(report["ok"], true);
    assert_eq!(report["release"], newest_release());
    assert_eq!(words(&report, "findings"), [] as [&str; 0]);
    assert_eq!(database.snapshot(), before);
}

#[test]
fn check_reports_each_drift_and_changes_nothing() {
    let database = correct_store();
    let role = quoted(&database.role);
    for (harm, line) in [
        ("drop function web.count_sessions()".to_owned(), "function count_sessions() is missing"),
        (
            "create or replace function web.count_sessions() returns integer language sql as 'select 1'".into(),
            "function count_sessions() differs",
        ),
        ("alter function web.clear_sessions() owner to current_user".into(), "owner is "),
        (format!("revoke execute on function web.load_session(bytea, boolean) from {role}"), "is missing"),
        (format!("grant select on web.session to {role}"), "SELECT on table session to "),
        ("grant usage on schema web to public".into(), "USAGE on schema web to PUBLIC should not be there"),
        ("drop index web.session_handle_key".into(), "index "),
        ("alter table web.settings alter column idle_timeout_seconds set default 7".into(), "column settings.idle_timeout_seconds differs"),
        (format!("alter role {role} createdb"), "createdb is true, should be false"),
        ("alter table web.session enable row level security".into(), "row security is true, should be false"),
        ("alter table web.session set (toast.autovacuum_enabled = off)".into(), "options is fillfactor=90"),
        ("alter table web.session reset (toast.autovacuum_vacuum_scale_factor)".into(), "options is fillfactor=90"),
    ] {
        let mut client = database.superuser();
        if client.batch_execute(&harm).is_err() {
            // The table may name its index otherwise.
            assert!(harm.starts_with("drop index"), "{harm}");
            let index: String = value(&mut client, "select i.indexrelid::regclass::text from pg_index as i
                     where i.indrelid = 'web.session'::regclass and not i.indisprimary
                       and not exists (select from pg_constraint as c where c.conindid = i.indexrelid)
                     limit 1");
            client.batch_execute(&format!("drop index {index}")).unwrap();
        }
        let before = database.snapshot();
        let checked = database.run(&["check"]).expect(1).says(&["drift ", line, "session-admin install"]);
        let report = check_json(&database, 1);
        assert_eq!(
            checked.out.lines().filter(|line| line.starts_with("drift ")).count(),
            report["drift"].as_array().unwrap().len()
        );
        assert_eq!(database.snapshot(), before, "{harm}");
        database.run(&["install"]).expect(0);
        database.run(&["check"]).expect(0);
    }
}

#[test]
fn check_finds_missing_password() {
    let database = Database::installed();
    let report = check_json(&database, 1);
    assert_eq!(words(&report, "findings"), ["role_has_no_password"]);
    database
        .run(&["check"])
        .expect(1)
        .says(&["no password", "session-admin rotate-password"]);
}

#[test]
fn check_finds_default_password() {
    let database = Database::installed();
    for encryption in ["scram-sha-256", "md5"] {
        let set = |password: &str| {
            database
                .superuser()
                .batch_execute(&format!(
                    "set password_encryption = '{encryption}'; alter role {} password '{password}'",
                    quoted(&database.role)
                ))
                .unwrap();
        };
        set("password");
        let report = check_json(&database, 1);
        assert_eq!(words(&report, "findings"), ["role_has_default_password"]);
        set("another");
        let report = check_json(&database, 0);
        assert_eq!(words(&report, "findings"), [] as [&str; 0]);
        assert_eq!(
            words(&report, "notes").contains(&"password_stored_as_md5".to_owned()),
            encryption == "md5"
        );
    }
}

// A note does not change the exit status.
#[test]
fn check_notes_member_of_owner_role() {
    let database = correct_store();
    let carol = format!("{}_carol", database.role);
    let owner = quoted(&format!("{}_owner", database.role));
    database
        .superuser()
        .batch_execute(&format!(
            "create role {carol}; grant {owner} to {carol}",
            carol = quoted(&carol)
        ))
        .unwrap();
    database.run(&["check"]).expect(0).says(&[
        "note",
        &carol,
        "can read and change every session",
        "revoke",
    ]);
    database
        .superuser()
        .batch_execute(&format!(
            "revoke {owner} from {carol}; drop role {carol}",
            carol = quoted(&carol)
        ))
        .unwrap();
    database.run(&["check"]).expect(0).hides(&carol);
}

#[test]
fn check_notes_privileges_of_public() {
    let database = correct_store();
    let mut client = database.superuser();
    let notes = || words(&check_json(&database, 0), "notes");
    client
        .batch_execute("grant create on schema public to public")
        .unwrap();
    assert_eq!(
        notes(),
        [
            "public_may_make_temporary_tables",
            "public_may_create_in_public",
            "public_may_connect"
        ]
    );
    database.run(&["check"]).expect(0).says(&[
        "revoke temporary on database",
        "revoke create on schema public",
        "revoke connect on database",
    ]);
    let revoke_connect = hint(&database, "notes", "public_may_connect");
    client
        .batch_execute(revoke_connect.split(", unless").next().unwrap())
        .unwrap();
    client
        .batch_execute(&format!(
            "revoke create on schema public from public; revoke temporary on database {} from public",
            database.name
        ))
        .unwrap();
    assert_eq!(notes(), [] as [&str; 0]);
}

/// Returns the hint of the first finding, or note, with this word.
fn hint(database: &Database, list: &str, word: &str) -> String {
    let report = database.run(&["check", "--format", "json"]).json();
    let found = report[list].as_array().unwrap();
    let finding = found.iter().find(|finding| finding["finding"] == word);
    finding.unwrap_or_else(|| panic!("no {word} in {report}"))["hint"]
        .as_str()
        .unwrap()
        .to_owned()
}

// An attacker with the password changes the settings of the role, which a new password does not undo.
#[test]
fn check_finds_settings_that_runtime_role_left() {
    let database = Database::installed();
    let password = database.run(&["rotate-password"]).expect(0).out;
    let role = quoted(&database.role);
    let mut attacker = database.login(&database.role, password.trim()).unwrap();
    let settings = [
        "default_transaction_isolation = 'serializable'",
        "debug_print_plan = on",
        "debug_print_parse = on",
        "client_min_messages = 'debug5'",
        "plan_cache_mode = 'force_custom_plan'",
        "log_parameter_max_length_on_error = -1",
        "search_path = 'pg_temp'",
        "statement_timeout = '1ms'",
        "lock_timeout = 1",
        "row_security = off",
    ];
    let leave_settings = |attacker: &mut postgres::Client| {
        for (at, setting) in settings.iter().enumerate() {
            let place = if at % 2 == 0 { "" } else { "in database" };
            let name = if at % 2 == 0 { "" } else { &database.name };
            attacker
                .batch_execute(&format!("alter role {role} {place} {name} set {setting}"))
                .unwrap();
        }
    };
    leave_settings(&mut attacker);
    // Until it is reset.
    database
        .run(&["rotate-password"])
        .expect(0)
        .says(&["default_transaction_isolation=serializable", "check"]);
    let report = check_json(&database, 1);
    assert_eq!(
        words(&report, "findings"),
        ["dangerous_role_setting"; 10],
        "{report}"
    );
    database
        .run(&["check"])
        .expect(1)
        .says(&[
            "warning role ",
            "default_transaction_isolation=serializable, which",
            "(hint: alter role ",
        ])
        .hides("drift");
    let mut client = database.superuser();
    // Beside a setting of the install that is gone.
    client
        .batch_execute(&format!(
            "alter role {role} in database {} reset jit",
            database.name
        ))
        .unwrap();
    let both = check_json(&database, 1);
    assert_eq!(words(&both, "findings"), ["dangerous_role_setting"; 10]);
    assert_eq!(both["drift"].as_array().unwrap().len(), 1, "{both}");
    assert_eq!(
        both["drift"][0]["before"],
        "enable_seqscan=off, lock_timeout=10s"
    );
    assert_eq!(
        both["drift"][0]["after"],
        "enable_seqscan=off, jit=off, lock_timeout=10s"
    );
    client
        .batch_execute(&format!(
            "alter role {role} in database {} set jit = off",
            database.name
        ))
        .unwrap();
    for finding in report["findings"].as_array().unwrap() {
        client
            .batch_execute(finding["hint"].as_str().unwrap())
            .unwrap();
    }
    database.run(&["check"]).expect(0).hides("warning");

    // Install resets them too, and keeps those of an operator.
    leave_settings(&mut attacker);
    client
        .batch_execute(&format!(
            "alter role {role} set idle_session_timeout = '1h'; alter role {role} set work_mem = '8MB'"
        ))
        .unwrap();
    database
        .run(&["install"])
        .expect(0)
        .says(&["keeps its settings idle_session_timeout=1h, work_mem=8MB"]);
    let report = check_json(&database, 0);
    assert_eq!(words(&report, "notes")[..2], ["role_setting"; 2]);
    database
        .run(&["install"])
        .expect(0)
        .says(&["Already up to date"]);
}

// The settings of the owner role, and of all roles in the database.
#[test]
fn check_finds_settings_of_owner_role_and_database() {
    let database = correct_store();
    let owner = quoted(&format!("{}_owner", database.role));
    let name = &database.name;
    let mut client = database.superuser();
    for (harm, list, word) in [
        (
            format!("alter role {owner} set debug_print_plan = on"),
            "findings",
            "dangerous_role_setting",
        ),
        (
            format!("alter database {name} set default_transaction_isolation = 'serializable'"),
            "findings",
            "dangerous_database_setting",
        ),
        (
            format!("alter database {name} set lock_timeout = 5"),
            "findings",
            "dangerous_database_setting",
        ),
        (
            format!("alter database {name} set statement_timeout = '5s'"),
            "notes",
            "database_setting",
        ),
        (
            format!("alter role {owner} set timezone = 'UTC'"),
            "notes",
            "role_setting",
        ),
    ] {
        client.batch_execute(&harm).unwrap();
        database
            .run(&["check"])
            .expect(i32::from(list == "findings"));
        let reset = hint(&database, list, word);
        client
            .batch_execute(reset.split(", unless").next().unwrap())
            .unwrap();
    }
    let report = check_json(&database, 0);
    assert!(!report.to_string().contains("_setting\""), "{report}");
}

// What gives the rows to others, or makes the store fail, and is no part of it.
#[test]
fn check_finds_harm_around_store() {
    let mut database = correct_store();
    let mallory = database.own_role("login");
    let role = quoted(&database.role);
    let mut client = database.superuser();
    let definer =
        "returns setof text language sql security definer as 'select data from web.session'";
    let not_by_hint = "drop publication everything";
    let is_since_15: bool = value(
        &mut client,
        "select current_setting('server_version_num')::integer >= 150000",
    );
    for (harm, word, repair) in [
        (format!("grant {role} to {mallory}"), "member_of_runtime_role", None),
        (format!("alter role {role} connection limit 0"), "role_connection_limit_low", None),
        (format!("alter role {role} connection limit 4"), "role_connection_limit_low", None),
        (format!("alter database {} connection limit 3", database.name), "database_connection_limit_low", None),
        ("create publication one for table web.session".into(), "published", None),
        ("create publication everything for all tables".into(), "published", Some(not_by_hint)),
        ("create publication schemas for tables in schema web".into(), "published", None),
        ("alter table web.session replica identity full".into(), "replica_identity_changed", None),
        (format!("create function web.all_data() {definer}"), "foreign_definer_function", None),
        (
            format!("create function web.all_data() {definer}; revoke execute on function web.all_data() from public; grant execute on function web.all_data() to {role}"),
            "foreign_definer_function",
            None,
        ),
        (
            format!("create function public.all_data() {definer}; alter function public.all_data() owner to {}", quoted(&format!("{}_owner", database.role))),
            "foreign_definer_function",
            None,
        ),
        (
            format!("create view public.all_data as select * from web.session; grant select on public.all_data to {mallory}"),
            "view_granted",
            None,
        ),
        (
            "create view public.view_of_view as select data from public.all_data; grant select (data) on public.view_of_view to public".into(),
            "view_granted",
            None,
        ),
        (
            format!("create materialized view public.copy as select * from web.session; grant select on public.copy to {mallory}"),
            "view_granted",
            None,
        ),
    ] {
        // PostgreSQL 14 has no publication of a schema.
        if harm.contains("for tables in schema") && !is_since_15 {
            continue;
        }
        client.batch_execute(&harm).unwrap();
        let report = check_json(&database, 1);
        assert_eq!(words(&report, "findings"), [word], "{harm}");
        let hint = report["findings"][0]["hint"].as_str().unwrap();
        let repair = repair.unwrap_or_else(|| hint.split(", then: ").last().unwrap());
        client.batch_execute(repair).unwrap();
    }
    client
        .batch_execute("create function web.helper() returns integer language sql as 'select 1'")
        .unwrap();
    let report = check_json(&database, 0);
    let notes = words(&report, "notes");
    assert!(notes.contains(&"foreign_function".into()), "{notes:?}");
    assert_eq!(
        notes.iter().filter(|&word| word == "view_on_store").count(),
        3
    );
}

// Without its routine the store is still there.
#[test]
fn check_of_store_without_routine_reports_drift() {
    let database = correct_store();
    database
        .superuser()
        .batch_execute("drop function public.correct_web(), public.correct_web(text, text)")
        .unwrap();
    database
        .run(&["check"])
        .expect(1)
        .says(&["drift routine", "correct_web(text,text) is missing"])
        .hides("not installed");
    let report = check_json(&database, 1);
    assert_eq!(report["installed"], true);
    database.run(&["install"]).expect(0);
    database.run(&["check"]).expect(0);
}

#[test]
fn check_finds_trust_rules_in_pg_hba() {
    let database = correct_store();
    let mut client = database.superuser();
    let file: String = value(&mut client, "select current_setting('hba_file')");
    let temporary = std::env::temp_dir();
    if !file.starts_with("/tmp/") && !file.starts_with(temporary.to_str().unwrap()) {
        skip(&format!(
            "{file} is no throw-away server's, so it is left alone; use bin/with-pg"
        ));
        return;
    }
    // The view shows the file at once, so no reload is needed, and the logins of other tests do not change.
    let original: String = client
        .query_one("select pg_read_file($1)", &[&file])
        .unwrap()
        .get(0);
    let write_rule = |line: &str, at_the_end: bool| {
        let text = if at_the_end {
            format!("{original}\n{line}\n")
        } else {
            format!("{line}\n{original}")
        };
        let literal = |text: &str| text.replace('\'', "''");
        database
            .superuser()
            .batch_execute(&format!(
                "copy (select unnest(string_to_array('{}', e'\\n', ''))) to '{}' with (format csv, delimiter e'\\x01', quote e'\\x02', escape e'\\x02')",
                literal(&text),
                literal(&file)
            ))
            .unwrap();
    };
    let found = || {
        let run = database.run(&["check", "--format", "json"]);
        words(&run.json(), "findings")
    };
    let (name, role) = (&database.name, &database.role);
    let mut results = Vec::new();
    for (line, at_the_end, expected) in [
        (format!("local {name} {role} trust"), false, true),
        (format!("host all {role} 127.0.0.1/32 trust"), false, true),
        (format!("hostnossl {name} all 0.0.0.0/0 trust"), false, true),
        (format!("local all +{role}_owner trust"), false, false),
        (format!("local other {role} trust"), false, false),
        (format!("local {name} other trust"), false, false),
        (format!("local {name} {role} peer"), false, false),
        (format!("local replication {role} trust"), false, false),
        // An earlier line of the server matches all roles.
        (format!("local {name} {role} trust"), true, false),
        (format!("host {name} {role} 192.0.2.0/24 trust"), true, true),
    ] {
        write_rule(&line, at_the_end);
        results.push((line, expected, found()));
    }
    write_rule("", true);
    for (line, expected, found) in results {
        assert_eq!(
            found == ["pg_hba_trusts_role"],
            expected,
            "{line}: {found:?}"
        );
    }
    assert_eq!(found(), [] as [&str; 0]);
}

// Another role can take the lock of installs.
#[test]
fn check_beside_install_lock_does_not_wait() {
    let database = correct_store();
    let mut client = database.superuser();
    client
        .execute("select pg_advisory_lock($1), pg_advisory_lock(hashtextextended('connect-pg correct_web', 0))", &[&LOCK_KEY])
        .unwrap();
    database.run(&["check"]).expect(0);
    database.run(&["install", "--dry-run"]).expect(0);
}

// A lock of a check that waits would stop every request that comes after it.
#[test]
fn check_beside_open_transactions_takes_weak_locks_only() {
    let database = correct_store();
    // An index of a DBA, which an install drops, and one that is missing.
    database
        .superuser()
        .batch_execute(
            "create index of_a_dba on web.session (created_at); drop index web.session_handle;
             select web.set_session_data('a', '{}', null)",
        )
        .unwrap();
    // EXCLUSIVE conflicts with every lock but ACCESS SHARE.
    let mut client = database.superuser();
    let mut open = client.transaction().unwrap();
    open.batch_execute("lock table web.session, web.settings, web.prune_state in exclusive mode")
        .unwrap();
    for (command, list) in [
        (&["check", "--format", "json"][..], "drift"),
        (&["install", "--dry-run", "--format", "json"], "changes"),
    ] {
        let report = database.run(command).json();
        let changes: Vec<_> = report[list]
            .as_array()
            .unwrap()
            .iter()
            .map(|change| {
                (
                    change["action"].as_str().unwrap(),
                    change["object"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            changes,
            [("removed", "of_a_dba"), ("created", "session_handle")]
        );
    }
    open.rollback().unwrap();
}

// DDL of a check, even if it is rolled back, would run event triggers and write WAL.
#[test]
fn check_and_second_install_write_nothing() {
    let database = correct_store();
    let mut client = database.superuser();
    client
        .batch_execute(
            "create function public.no_ddl() returns event_trigger language plpgsql as $$ begin raise exception 'DDL: %', tg_tag; end $$;
             create event trigger no_ddl on ddl_command_start execute function public.no_ddl()",
        )
        .unwrap();
    database.run(&["check"]).expect(0);
    database.run(&["install", "--dry-run"]).expect(0);
    database
        .run(&["install"])
        .expect(0)
        .says(&["Already up to date"]);
    database.assert_correct_web_writes_nothing(&mut client);
    // With something to repair, a check and a dry run still run no DDL.
    client
        .batch_execute(
            "alter event trigger no_ddl disable; drop function web.count_sessions(); alter event trigger no_ddl enable",
        )
        .unwrap();
    database
        .run(&["check"])
        .expect(1)
        .says(&["count_sessions() is missing"]);
    database
        .run(&["install", "--dry-run"])
        .expect(0)
        .says(&["would be created function count_sessions()"]);
    database.run(&["install"]).expect(2).says(&["DDL: "]);
}

#[test]
fn interrupted_install_releases_lock() {
    let database = Database::installed();
    let mut client = database.superuser();
    client
        .execute("select pg_advisory_lock($1)", &[&LOCK_KEY])
        .unwrap();
    let mut child = start(database.command(&["install"]));
    wait_until("the install waits for the lock", || {
        !client
            .query("select from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())", &[])
            .unwrap()
            .is_empty()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    client
        .execute("select pg_advisory_unlock($1)", &[&LOCK_KEY])
        .unwrap();
    database.run(&["install"]).expect(0);
}
