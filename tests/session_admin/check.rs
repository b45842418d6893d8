//! `session-admin check`

use crate::support::server::quoted;
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

#[test]
fn check_of_missing_store_exits_1() {
    let database = Database::new();
    database
        .run(&["check"])
        .expect(1)
        .says(&["not installed", "session-admin install"]);
    let report = database
        .run(&["check", "--format", "json"])
        .expect(1)
        .json();
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
    let database = Database::installed();
    database.run(&["rotate-password"]).expect(0);
    let before = database.snapshot();
    database
        .run(&["check"])
        .expect(0)
        .says(&["ok"])
        .hides("drift")
        .hides("warning");
    let report = database
        .run(&["check", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(report["ok"], true);
    assert_eq!(report["release"], newest_release());
    assert_eq!(words(&report, "findings"), [] as [&str; 0]);
    assert_eq!(database.snapshot(), before);
}

#[test]
fn check_reports_each_drift_and_changes_nothing() {
    let database = Database::installed();
    database.run(&["rotate-password"]).expect(0);
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
    ] {
        let mut client = database.superuser();
        if client.batch_execute(&harm).is_err() {
            // The table may name its index otherwise.
            assert!(harm.starts_with("drop index"), "{harm}");
            let index: String = client
                .query_one(
                    "select i.indexrelid::regclass::text from pg_index as i
                     where i.indrelid = 'web.session'::regclass and not i.indisprimary
                       and not exists (select from pg_constraint as c where c.conindid = i.indexrelid)
                     limit 1",
                    &[],
                )
                .unwrap()
                .get(0);
            client.batch_execute(&format!("drop index {index}")).unwrap();
        }
        let before = database.snapshot();
        let checked = database.run(&["check"]).expect(1).says(&["drift ", line, "session-admin install"]);
        let report = database.run(&["check", "--format", "json"]).expect(1).json();
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
    let report = database
        .run(&["check", "--format", "json"])
        .expect(1)
        .json();
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
        let report = database
            .run(&["check", "--format", "json"])
            .expect(1)
            .json();
        assert_eq!(words(&report, "findings"), ["role_has_default_password"]);
        set("another");
        let report = database
            .run(&["check", "--format", "json"])
            .expect(0)
            .json();
        assert_eq!(words(&report, "findings"), [] as [&str; 0]);
        assert_eq!(
            words(&report, "notes").contains(&"password_stored_as_md5".to_owned()),
            encryption == "md5"
        );
    }
}

/// A note does not change the exit status.
#[test]
fn check_notes_member_of_owner_role() {
    let database = Database::installed();
    database.run(&["rotate-password"]).expect(0);
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
    let database = Database::installed();
    database.run(&["rotate-password"]).expect(0);
    let mut client = database.superuser();
    let notes = || {
        words(
            &database
                .run(&["check", "--format", "json"])
                .expect(0)
                .json(),
            "notes",
        )
    };
    client
        .batch_execute("grant create on schema public to public")
        .unwrap();
    assert_eq!(
        notes(),
        [
            "public_may_make_temporary_tables",
            "public_may_create_in_public"
        ]
    );
    database.run(&["check"]).expect(0).says(&[
        "revoke temporary on database",
        "revoke create on schema public",
    ]);
    client
        .batch_execute(&format!(
            "revoke create on schema public from public; revoke temporary on database {} from public",
            database.name
        ))
        .unwrap();
    assert_eq!(notes(), [] as [&str; 0]);
}

#[test]
fn check_finds_trust_rules_in_pg_hba() {
    let database = Database::installed();
    database.run(&["rotate-password"]).expect(0);
    let mut client = database.superuser();
    let file: String = client
        .query_one("select current_setting('hba_file')", &[])
        .unwrap()
        .get(0);
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

#[test]
fn check_beside_install_lock_gives_up() {
    let database = Database::installed();
    let mut client = database.superuser();
    client
        .execute("select pg_advisory_lock($1)", &[&LOCK_KEY])
        .unwrap();
    database
        .run(&["check"])
        .expect(2)
        .says(&["Hint: another session", "try again"]);
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
