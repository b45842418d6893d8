//! `session-admin install`, and the function `install` of the library where the program does not suffice.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::support::case::case;
use crate::support::server::{quoted, random};
use crate::support::session_admin::{
    Database, bare_command, end, installer_login, newest_release, run, start,
};
use crate::support::wait::wait_until;
use connect_pg::install::{InstallOptions, LOCK_KEY, check, dry_run, install};

#[test]
fn second_install_changes_nothing() {
    let database = Database::new();
    let first = database
        .run(&["install", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(first["dry_run"], false);
    assert_eq!(first["release"], newest_release());
    let made = |kind: &str, object: &str| {
        let changes = first["changes"].as_array().unwrap();
        changes.iter().any(|change| {
            change["action"] == "created" && change["kind"] == kind && change["object"] == object
        })
    };
    assert!(made("release", "1") && made("table", "session") && made("role", &database.role));

    let mut client = database.superuser();
    client
        .batch_execute("select web.set_session_data('kept', '{\"views\":1}', null)")
        .unwrap();
    let before = database.snapshot();
    for _ in 0..3 {
        let again = database
            .run(&["install", "--format", "json"])
            .expect(0)
            .json();
        assert_eq!(again["changes"].as_array().unwrap().len(), 0, "{again}");
    }
    assert_eq!(database.snapshot(), before);
    let kept: String = client
        .query_one("select * from web.get_session_data('kept')", &[])
        .unwrap()
        .get(0);
    assert_eq!(kept, "{\"views\":1}");
}

#[test]
fn install_names_next_command() {
    let database = Database::new();
    database.run(&["install"]).expect(0).says(&[
        "created table session\n",
        &format!("Installed release {} (", newest_release()),
        "has no password and cannot log in. Set one: session-admin rotate-password",
    ]);
    database
        .run(&["install"])
        .expect(0)
        .says(&[&format!(
            "Already up to date (release {}).",
            newest_release()
        )])
        .hides("created");
}

#[test]
fn install_repairs_changed_objects() {
    let database = Database::installed();
    database
        .superuser()
        .batch_execute(&format!(
            "drop function web.count_sessions();
             grant execute on function web.store_status() to public, {role};
             alter function web.touch_session(bytea, integer, integer, timestamptz) owner to current_user;
             alter function public.correct_web(text, text) cost 77;
             revoke execute on function web.end_session(bytea) from {role}",
            role = quoted(&database.role)
        ))
        .unwrap();
    database.run(&["check"]).expect(1).says(&[
        "function count_sessions() is missing",
        "routine public.correct_web(text,text) differs",
        "owner is ",
        "to PUBLIC should not be there",
    ]);
    database.run(&["install"]).expect(0).says(&[
        "created function count_sessions()",
        "changed routine public.correct_web(text,text)",
    ]);
    database.expect_up_to_date();
}

#[test]
fn install_restores_dropped_routine() {
    let database = Database::installed();
    database
        .superuser()
        .batch_execute("drop function public.correct_web(), public.correct_web(text, text)")
        .unwrap();
    database
        .run(&["install"])
        .expect(0)
        .says(&["created routine public.correct_web(text,text)"]);
    database.expect_up_to_date();
}

#[test]
fn dry_run_reports_all_changes_and_makes_none() {
    let database = Database::new();
    let before = database.snapshot();
    let planned = database
        .run(&["install", "--dry-run", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(planned["dry_run"], true);
    database
        .run(&["install", "--dry-run"])
        .expect(0)
        .says(&["would be created table session"]);
    assert_eq!(database.snapshot(), before);

    let done = database
        .run(&["install", "--format", "json"])
        .expect(0)
        .json();
    // The same changes in the same order.
    assert_eq!(planned["changes"], done["changes"]);

    database
        .superuser()
        .batch_execute("drop function web.count_sessions()")
        .unwrap();
    let before = database.snapshot();
    database
        .run(&["install", "--dry-run"])
        .expect(0)
        .says(&["would be created function count_sessions()"]);
    assert_eq!(database.snapshot(), before);
}

#[test]
fn eight_concurrent_installs_in_one_database_succeed() {
    let database = Database::new();
    let children: Vec<_> = (0..8)
        .map(|_| start(database.command(&["install", "--format", "json"])))
        .collect();
    let mut made = 0;
    for child in children {
        let report = end(child).expect(0).json();
        made += usize::from(!report["changes"].as_array().unwrap().is_empty());
    }
    assert_eq!(
        made, 1,
        "one of them installs, and seven find nothing to do"
    );
    database.expect_up_to_date();
}

#[test]
fn concurrent_installs_in_four_databases_succeed() {
    for _ in 0..4 {
        // The first install creates the role, and all four use it.
        let role = format!("connect_pg_test_{}", random());
        let databases: Vec<_> = (0..4).map(|_| Database::with_role(&role)).collect();
        let children: Vec<_> = databases
            .iter()
            .flat_map(|database| {
                [
                    start(database.command(&["install"])),
                    start(database.command(&["install"])),
                ]
            })
            .collect();
        for child in children {
            end(child).expect(0);
        }
        for database in &databases {
            database.expect_up_to_date();
        }
    }
}

#[test]
fn database_owner_with_createrole_installs() {
    let mut database = Database::new();
    let installer = database.installer();
    let mut superuser = database.superuser();
    let as_installer = installer_login(&installer);
    database
        .run_with(&as_installer, &["install"])
        .expect(0)
        .says(&["created table session"]);
    database
        .run_with(&as_installer, &["install"])
        .expect(0)
        .says(&["Already up to date"]);

    // A note says what only a superuser can see.
    let checked = database
        .run_with(&as_installer, &["check", "--format", "json"])
        .expect(0)
        .json();
    let notes = checked["notes"].to_string();
    assert!(
        notes.contains("password_not_visible") && notes.contains("pg_hba_not_visible"),
        "{checked}"
    );

    // A check names its step as well.
    let hide = "execute on function pg_catalog.pg_get_constraintdef(oid)";
    superuser
        .batch_execute(&format!("revoke {hide} from public"))
        .unwrap();
    database
        .run_with(&as_installer, &["check"])
        .expect(2)
        .says(&["The step sql/install/catalog_snapshot.sql failed"]);
    superuser
        .batch_execute(&format!("grant {hide} to public"))
        .unwrap();

    superuser
        .batch_execute("drop function web.count_sessions()")
        .unwrap();
    database
        .run_with(&as_installer, &["check"])
        .expect(1)
        .says(&["count_sessions() is missing"]);
    database
        .run_with(&as_installer, &["install"])
        .expect(0)
        .says(&["created function count_sessions()"]);
    let password = database
        .run_with(&as_installer, &["rotate-password"])
        .expect(0)
        .out;
    assert!(database.can_log_in(&database.role, password.trim()));

    // It may also build an index outside the transaction.
    superuser
        .batch_execute(
            "select web.set_session_data('a', '{}', null); drop index web.session_handle",
        )
        .unwrap();
    database
        .run_with(&as_installer, &["install"])
        .expect(0)
        .says(&["created index session_handle"]);

    // The installer was a member of the owner role during the installs only.
    let member: bool = superuser
        .query_one(
            "select exists (
                select from pg_auth_members as m
                where m.member = $1::text::regrole and m.roleid = ($2::text || '_owner')::regrole and not m.admin_option
            )",
            &[&installer, &database.role],
        )
        .unwrap()
        .get(0);
    assert!(!member);
    superuser
        .batch_execute(&format!("reassign owned by {installer} to current_user; alter database {} owner to current_user", database.name))
        .unwrap();
}

// It does not even become a member of the owner role.
#[test]
fn second_install_of_database_owner_writes_nothing() {
    let mut database = Database::new();
    let installer = database.installer();
    let mut superuser = database.superuser();
    let as_installer = installer_login(&installer);
    database.run_with(&as_installer, &["install"]).expect(0);
    let mut client = database.login(&installer, "installer").unwrap();
    database.assert_correct_web_writes_nothing(&mut client);
    superuser.batch_execute("delete from web.settings").unwrap();
    for (command, text) in [
        (&["check"][..], "row settings is missing"),
        (&["install", "--dry-run"], "would be created row settings"),
        (&["install"], "created row settings"),
        (&["install"], "Already up to date"),
    ] {
        let run = database.run_with(&as_installer, command);
        let code = i32::from(command == ["check"]);
        run.expect(code).says(&[text]);
    }
}

#[test]
fn install_without_privileges_is_refused_with_hint() {
    let mut database = Database::new();
    let role = database.own_role("login password 'unprivileged'");
    let before = database.snapshot();
    let as_role = [("PGUSER", role.as_str()), ("PGPASSWORD", "unprivileged")];
    for command in [&["install"][..], &["install", "--dry-run"]] {
        database.run_with(&as_role, command).expect(2).says(&[
            "Hint:",
            "as a superuser",
            "CREATEROLE",
            "print-sql",
        ]);
    }
    assert_eq!(database.snapshot(), before);
}

#[test]
fn odd_names_are_installed() {
    let random = random();
    for (schema, role) in [
        ("we\"\"b; drop", "no\"de'pg; --"),
        ("select", "$body$"),
        ("Größe", "rôle \\ 文字"),
        ("--", "%I %s %L"),
        (&*"s".repeat(63), "r"),
    ] {
        // At most 57 bytes, with the random part.
        let role = format!("{role}{}", &random[..8]);
        let mut database = Database::with_role(&role);
        database.schema = schema.into();
        database.run(&["install"]).expect(0);
        database.expect_up_to_date();
        database
            .run(&["check"])
            .expect(1)
            .says(&["has no password"])
            .hides("drift");
        let password = database.run(&["rotate-password"]).expect(0).out;
        database.run(&["check"]).expect(0);
        database.run(&["status"]).expect(0);
        let as_role = [("PGUSER", role.as_str()), ("PGPASSWORD", password.trim())];
        database.run_with(&as_role, &["prune"]).expect(0);
        let mut client = database.login(&role, password.trim()).unwrap();
        let count: i32 = client
            .query_one(&format!("select {}.count_sessions()", quoted(schema)), &[])
            .unwrap()
            .get(0);
        assert_eq!(count, 0);
    }
}

#[test]
fn invalid_names_are_refused() {
    let mut database = Database::new();
    let before = database.snapshot();
    let role = std::mem::take(&mut database.role);
    for (schema, role) in [
        ("", &*role),
        ("web", ""),
        ("we\nb", &role),
        ("web", "no\u{7f}de"),
        (&*"s".repeat(64), &role),
        ("web", &*"r".repeat(58)),
        ("web", &*"ß".repeat(29)),
        ("public", &role),
        ("pg_web", &role),
        ("web", "pg_role"),
        ("web", "public"),
    ] {
        database.schema = schema.into();
        database.role = role.into();
        database
            .run(&["install"])
            .expect(2)
            .says(&["Hint: choose another name"]);
    }
    database.role = role;
    assert_eq!(database.snapshot(), before);
}

#[test]
fn two_stores_in_one_database_are_separate() {
    let database = Database::installed();
    let second = format!("{}_2", database.role);
    let with_second = |arguments: &[&str]| {
        let mut command = bare_command(arguments);
        command.args(["--schema", "web_2", "--role", &second]);
        for (name, value) in database.command(&[]).get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        run(command)
    };
    with_second(&["install"])
        .expect(0)
        .says(&["created table session"]);
    with_second(&["install"])
        .expect(0)
        .says(&["Already up to date"]);
    database.expect_up_to_date();

    let mut client = database.superuser();
    client
        .batch_execute("select web.set_session_data('a', '{}', null); select web_2.set_session_data('b', '{}', null)")
        .unwrap();
    assert_eq!(
        with_second(&["status", "--format", "json"])
            .expect(0)
            .json()["live"],
        1
    );
    let password = with_second(&["rotate-password"]).expect(0).out;
    let mut runtime = database.login(&second, password.trim()).unwrap();
    assert!(
        runtime
            .query("select * from web_2.get_session_data('b')", &[])
            .unwrap()
            .len()
            == 1
    );
    let refused = runtime
        .query("select * from web.get_session_data('a')", &[])
        .unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "42501");
    drop(runtime);
    client
        .batch_execute(&format!(
            "drop owned by {second}_owner; drop owned by {second}; drop role {second}_owner; drop role {second}"
        ))
        .unwrap();
}

/// Makes every DDL command in the database run this PL/pgSQL.
fn on_ddl(database: &Database, body: &str) {
    database
        .superuser()
        .batch_execute(&format!(
            "create function public.on_ddl() returns event_trigger language plpgsql as $$ begin {body} end $$;
             create event trigger on_ddl on ddl_command_end execute function public.on_ddl()"
        ))
        .unwrap();
}

#[test]
fn failed_install_changes_nothing() {
    let database = Database::new();
    // By the first GRANT on the schema there are roles, a schema, tables and functions. One on the history precedes it.
    on_ddl(
        &database,
        "if tg_tag = 'GRANT' and to_regnamespace('web') is not null then raise exception 'not today'; end if;",
    );
    let before = database.snapshot();
    database.run(&["install"]).expect(2).says(&[
        "not today",
        "Hint: The step sql/install/privileges.sql failed",
    ]);
    assert_eq!(database.snapshot(), before);

    // A failed install releases its lock.
    let mut client = database.superuser();
    let options = InstallOptions::default().role(&database.role).unwrap();
    assert!(install(&mut client, &options).is_err());
    let locks: i64 = client
        .query_one(
            "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(locks, 0);
    client.batch_execute("drop event trigger on_ddl").unwrap();
    assert!(!install(&mut client, &options).unwrap().changes.is_empty());
    assert!(dry_run(&mut client, &options).unwrap().changes.is_empty());
    assert!(check(&mut client, &options).unwrap().changes.is_empty());
}

#[test]
fn terminated_install_changes_nothing() {
    let database = Database::new();
    on_ddl(
        &database,
        "if tg_tag = 'GRANT' and to_regnamespace('web') is not null then perform pg_catalog.pg_advisory_xact_lock(4711); end if;",
    );
    let before = database.snapshot();
    let mut client = database.superuser();
    client
        .batch_execute("select pg_advisory_lock(4711)")
        .unwrap();
    let child = start(database.command(&["install"]));
    let waiting = "select a.pid from pg_stat_activity as a join pg_locks as l on l.pid = a.pid
        where a.application_name = 'session-admin' and a.datname = current_database() and l.objid = 4711 and not l.granted";
    wait_until("the install waits in the middle", || {
        !client.query(waiting, &[]).unwrap().is_empty()
    });
    client
        .execute(
            &format!("select pg_terminate_backend(x.pid, 10000) from ({waiting}) as x"),
            &[],
        )
        .unwrap();
    end(child).expect(2).says(&["Hint:", "run it again"]);
    assert_eq!(database.snapshot(), before);
    client
        .batch_execute("select pg_advisory_unlock(4711)")
        .unwrap();
    database.run(&["install"]).expect(0);
}

#[test]
fn objects_of_another_owner_are_refused() {
    let mut database = Database::new();
    let other_owner = database.own_role("login password 'other'");
    let mut superuser = database.superuser();
    for trap in [
        "create schema web",
        "create function public.correct_web(p_schema text, p_role text) returns void language sql as ''",
        "create table public.correct_web_history (version int4 primary key, name varchar(255), applied_on varchar(255), checksum varchar(255))",
    ] {
        superuser
            .batch_execute(&format!(
                "grant create on schema public to {other_owner};
                 grant create on database {} to {other_owner};
                 set role {other_owner};
                 {trap};
                 reset role",
                database.name
            ))
            .unwrap();
        let before = database.snapshot();
        database
            .run(&["install"])
            .expect(2)
            .says(&["belongs to", &other_owner, "Hint:"]);
        assert_eq!(database.snapshot(), before, "{trap}");
        superuser
            .batch_execute(&format!("drop owned by {other_owner}"))
            .unwrap();
    }
    database.run(&["install"]).expect(0);
}

#[test]
fn unexpected_database_is_refused_with_hint() {
    let release = format!("release {}", newest_release());
    for (name, database, change, words) in [
        (
            "trigger on the history",
            Database::installed(),
            "create function public.trap() returns trigger language plpgsql as 'begin return new; end';
             create trigger trap before insert on public.correct_web_history for each row execute function public.trap()",
            "trigger",
        ),
        (
            "checksum of another release",
            Database::installed(),
            "update public.correct_web_history set checksum = '1'",
            &*release,
        ),
        (
            "no schema public",
            Database::new(),
            "drop schema public",
            "create schema public",
        ),
    ] {
        case(name, || {
            database.superuser().batch_execute(change).unwrap();
            let before = database.snapshot();
            database
                .run(&["install"])
                .expect(2)
                .says(&[words, "Hint:"])
                .hides("newer version");
            assert_eq!(database.snapshot(), before);
        });
    }
}

#[test]
fn newer_release_in_database_is_refused() {
    let database = Database::installed();
    let mut client = database.superuser();
    client
        .batch_execute("insert into public.correct_web_history values (9999, 'correct_web', '2030-01-01T00:00:00Z', '1')")
        .unwrap();
    let before = database.snapshot();
    for command in [&["install"][..], &["install", "--dry-run"], &["check"]] {
        database.run(command).expect(2).says(&[
            "newer",
            "9999",
            "Hint: use the newer session-admin",
        ]);
    }
    assert_eq!(database.snapshot(), before);
    let options = InstallOptions::default().role(&database.role).unwrap();
    assert!(
        install(&mut client, &options)
            .unwrap_err()
            .is_newer_database()
    );

    // A newer routine that psql installed has no history, but its comment names the release.
    client
        .batch_execute(
            "drop table public.correct_web_history;
             comment on function public.correct_web(text, text) is 'Release 9999.'",
        )
        .unwrap();
    database.run(&["install"]).expect(2).says(&[
        "newer",
        "9999",
        "Hint: use the newer session-admin",
    ]);
    assert!(
        install(&mut client, &options)
            .unwrap_err()
            .is_newer_database()
    );
}

#[test]
fn install_without_changes_waits_for_no_writer() {
    let database = Database::installed();
    let mut writer = database.superuser();
    let mut open = writer.transaction().unwrap();
    open.batch_execute("select web.set_session_data('open', '{}', null)")
        .unwrap();
    // With this limit, a wait would be an error.
    let impatient = [("PGOPTIONS", "-c lock_timeout=3s")];
    database
        .run_with(&impatient, &["install"])
        .expect(0)
        .says(&["Already up to date"]);
    database
        .run_with(&impatient, &["check"])
        .expect(1)
        .hides("drift");
    open.rollback().unwrap();
}

#[test]
fn install_ignores_session_settings() {
    let database = Database::new();
    let odd = [(
        "PGOPTIONS",
        "-c default_transaction_isolation=serializable -c default_transaction_read_only=on -c standard_conforming_strings=off \
         -c search_path=nowhere -c quote_all_identifiers=on -c DateStyle=German -c TimeZone=Asia/Kathmandu -c check_function_bodies=off",
    )];
    database
        .run_with(&odd, &["install"])
        .expect(0)
        .says(&["created table session"]);
    database
        .run_with(&odd, &["install"])
        .expect(0)
        .says(&["Already up to date"]);
    database.expect_up_to_date();
}

#[test]
fn install_waits_for_documented_lock_key() {
    let database = Database::new();
    let mut client = database.superuser();
    client
        .execute("select pg_advisory_lock($1)", &[&LOCK_KEY])
        .unwrap();
    let child = start(database.command(&["install"]));
    wait_until("the install waits for the lock", || {
        let waits = "select from pg_stat_activity where application_name = 'session-admin' and datname = current_database()
            and wait_event_type = 'Lock'";
        !client.query(waits, &[]).unwrap().is_empty()
    });
    // A check does not wait for the lock.
    database.run(&["check"]).expect(1).says(&["not installed"]);
    client
        .execute("select pg_advisory_unlock($1)", &[&LOCK_KEY])
        .unwrap();
    end(child).expect(0);
}

#[test]
fn install_in_task_is_refused() {
    let database = Database::new();
    let mut client = database.superuser();
    let options = InstallOptions::default().role(&database.role).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let refused = runtime.block_on(async { install(&mut client, &options) });
    assert!(refused.unwrap_err().is_async_context());
    thread::spawn(move || install(&mut client, &options))
        .join()
        .unwrap()
        .unwrap();
}

// Requests queue behind a lock that an install waits for.
#[test]
fn install_behind_reader_lets_requests_through_and_names_it() {
    let database = Database::installed();
    let mut client = database.superuser();
    client
        .batch_execute(
            "create index of_a_dba on web.session (created_at); select web.set_session_data('a', '{}', null)",
        )
        .unwrap();
    let mut reader = database.superuser();
    let mut open = reader.transaction().unwrap();
    let row = open
        .query_one("select pg_backend_pid(), count(*) from web.session", &[])
        .unwrap();
    let process = format!("process {} (role ", row.get::<_, i32>(0));
    let (sender, waits) = mpsc::channel();
    let options = InstallOptions::default()
        .role(&database.role)
        .unwrap()
        .on_wait(move |text| sender.send(text.to_owned()).unwrap());

    // It gives up in the end, and says who is in the way.
    let error = install(
        &mut client,
        &options.clone().lock_wait(Duration::from_secs(1)),
    )
    .unwrap_err();
    assert_eq!(error.code(), Some("55P03"));
    assert!(error.to_string().contains(&process), "{error}");
    assert!(error.to_string().contains("web.session"), "{error}");
    assert!(waits.recv().unwrap().contains(&process));

    // While it waits, loads and creates go on.
    let mut installer = database.superuser();
    let child = thread::spawn(move || install(&mut installer, &options));
    assert!(waits.recv().unwrap().contains(&process));
    client.batch_execute("set lock_timeout = '20s'").unwrap();
    for id in ["a", "b", "c", "d", "e"] {
        client
            .execute("select web.set_session_data($1, '{}', null)", &[&id])
            .unwrap();
        let rows = client
            .query("select web.get_session_data($1)", &[&id])
            .unwrap();
        assert_eq!(rows.len(), 1);
    }
    assert!(!child.is_finished());
    open.rollback().unwrap();
    let report = child.join().unwrap().unwrap();
    let changes: Vec<_> = report
        .changes
        .iter()
        .map(|change| &*change.object)
        .collect();
    assert_eq!(changes, ["of_a_dba"]);
}

// Any role that can connect can take the lock of installs.
#[test]
fn install_behind_lock_of_another_role_names_it() {
    let mut database = Database::installed();
    let outsider = database.own_role("login password 'outsider'");
    let mut client = database.superuser();
    client
        .batch_execute("drop function web.count_sessions()")
        .unwrap();
    let options = InstallOptions::default()
        .role(&database.role)
        .unwrap()
        .lock_wait(Duration::from_secs(1));
    for key in [
        LOCK_KEY.to_string(),
        "hashtextextended('connect-pg correct_web', 0)".to_owned(),
    ] {
        let mut other = database.login(&outsider, "outsider").unwrap();
        let pid: i32 = other
            .query_one(
                &format!("select pg_backend_pid(), pg_advisory_lock({key})"),
                &[],
            )
            .unwrap()
            .get(0);
        let error = install(&mut client, &options).unwrap_err();
        assert_eq!(error.code(), Some("55P03"));
        let text = error.to_string();
        assert!(
            text.contains(&format!("process {pid} (role {outsider}")),
            "{text}"
        );
    }
    assert!(
        !install(&mut client, &options.lock_wait(Duration::from_secs(60)))
            .unwrap()
            .changes
            .is_empty()
    );
}
