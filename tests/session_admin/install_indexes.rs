//! `session-admin install` builds the indexes of a table with rows beside requests.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use postgres::{Client, IsolationLevel};

use crate::support::session_admin::{Database, end, start};
use crate::support::wait::wait_until;
use connect_pg::install::{InstallOptions, install};

/// Returns a store with sessions.
fn store_with_sessions() -> Database {
    let database = Database::installed();
    database
        .superuser()
        .batch_execute(
            "select web.create_session(sha256(n::text::bytea), '{}', p_user_id => 'user ' || n % 7) from generate_series(1, 200) as n",
        )
        .unwrap();
    database
}

fn options(database: &Database) -> InstallOptions {
    InstallOptions::default().role(&database.role).unwrap()
}

/// Returns what a build of an index concurrently with requests does now.
fn phase(client: &mut Client) -> Option<String> {
    client
        .query_opt(
            "select p.phase from pg_stat_progress_create_index as p
             where p.datname = current_database() and p.command = 'CREATE INDEX CONCURRENTLY'",
            &[],
        )
        .unwrap()
        .map(|row| row.get(0))
}

/// Creates, loads, saves and ends a session. A request that waits for an install fails.
fn send_requests(client: &mut Client, id: &str) {
    client.batch_execute("set lock_timeout = '10s'").unwrap();
    for statement in [
        "select from web.create_session(sha256($1::text::bytea), '{}', p_user_id => 'ada')",
        "select from web.load_session(sha256($1::text::bytea))",
        "select from web.save_session(sha256($1::text::bytea), '{\"n\":1}')",
        "select from web.end_session(sha256($1::text::bytea))",
    ] {
        assert_eq!(client.execute(statement, &[&id]).unwrap(), 1);
    }
}

#[test]
fn missing_index_is_built_beside_open_transactions_and_requests() {
    let database = store_with_sessions();
    let mut client = database.superuser();
    client
        .batch_execute("drop index web.session_user_id, web.session_handle")
        .unwrap();
    let mut writer = database.superuser();
    let mut open_writer = writer.transaction().unwrap();
    open_writer
        .batch_execute("select web.set_session_data('open', '{}', null)")
        .unwrap();
    let mut reader = database.superuser();
    let mut open_reader = reader
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .start()
        .unwrap();
    open_reader
        .query("select from web.session limit 1", &[])
        .unwrap();

    let mut installer = database.superuser();
    let options = options(&database);
    let child = thread::spawn(move || install(&mut installer, &options));
    wait_until("the build waits for the writer", || {
        phase(&mut client).as_deref() == Some("waiting for writers before build")
    });
    send_requests(&mut client, "beside the writer");
    open_writer.commit().unwrap();
    wait_until("the build waits for the reader", || {
        phase(&mut client).as_deref() == Some("waiting for old snapshots")
    });
    send_requests(&mut client, "beside the reader");
    assert!(!child.is_finished());
    open_reader.rollback().unwrap();

    let report = child.join().unwrap().unwrap();
    let changes: Vec<_> = report
        .changes
        .iter()
        .map(|change| (&*change.action, &*change.kind, &*change.object))
        .collect();
    assert_eq!(
        changes,
        [
            ("created", "index", "session_user_id"),
            ("created", "index", "session_handle")
        ]
    );
    database.expect_up_to_date();
}

#[test]
fn invalid_index_is_replaced_and_that_of_reindex_stays() {
    let database = store_with_sessions();
    let mut client = database.superuser();
    client
        .batch_execute(
            "drop index web.session_handle; drop function web.count_sessions();
             update web.session set handle = '00000000-0000-0000-0000-000000000000' where user_id = 'user 1'",
        )
        .unwrap();
    // Both builds fail: that of a DBA, and that of the install. The rest is installed.
    let create = "create unique index concurrently session_handle on web.session (handle)";
    assert!(client.batch_execute(create).is_err());
    database
        .run(&["install"])
        .expect(2)
        .says(&[
            "index session_handle could not be built",
            "SQLSTATE 23505",
            "the rest is installed",
        ])
        .hides("nothing was changed");
    database
        .run(&["check"])
        .expect(1)
        .says(&["drift index session_handle differs: valid is false, should be true"])
        .hides("count_sessions");
    let error = install(&mut client, &options(&database)).unwrap_err();
    assert!(error.is_index_not_built(), "{error}");
    assert_eq!(error.code(), Some("23505"));

    client
        .batch_execute(
            "update web.session set handle = default;
             create index session_user_id_ccnew on web.session (user_id);
             update pg_index set indisvalid = false where indexrelid = 'web.session_user_id_ccnew'::regclass",
        )
        .unwrap();
    let planned = database
        .run(&["install", "--dry-run", "--format", "json"])
        .expect(0)
        .json();
    let done = database
        .run(&["install", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(planned["changes"], done["changes"]);
    assert_eq!(done["changes"].as_array().unwrap().len(), 1, "{done}");
    assert_eq!(done["changes"][0]["attribute"], "valid");
    database.expect_up_to_date();
    let remaining: bool = client
        .query_one(
            "select not i.indisvalid from pg_index as i where i.indexrelid = 'web.session_user_id_ccnew'::regclass",
            &[],
        )
        .unwrap()
        .get(0);
    assert!(remaining);
}

#[test]
fn index_of_another_column_is_replaced() {
    let database = store_with_sessions();
    database
        .superuser()
        .batch_execute(
            "drop index web.session_user_id; create index session_user_id on web.session (label)",
        )
        .unwrap();
    let planned = database
        .run(&["install", "--dry-run", "--format", "json"])
        .expect(0)
        .json();
    let done = database
        .run(&["install", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(planned["changes"], done["changes"]);
    assert_eq!(done["changes"][0]["attribute"], "definition");
    database.expect_up_to_date();
}

#[test]
fn build_behind_transaction_that_stays_open_names_it() {
    let database = store_with_sessions();
    let mut client = database.superuser();
    client
        .batch_execute("drop index web.session_user_id")
        .unwrap();
    let mut writer = database.superuser();
    let mut open = writer.transaction().unwrap();
    let pid: i32 = open
        .query_one(
            "select pg_backend_pid(), web.set_session_data('open', '{}', null)",
            &[],
        )
        .unwrap()
        .get(0);
    let options = options(&database).lock_wait(Duration::from_secs(1));
    let error = install(&mut client, &options).unwrap_err();
    assert!(error.is_index_not_built(), "{error}");
    assert_eq!(error.code(), Some("55P03"));
    let process = format!("process {pid} (role ");
    assert!(error.to_string().contains(&process), "{error}");

    // The next one says before the build which transaction it waits for.
    let (sender, waits) = mpsc::channel();
    let options = options.on_wait(move |text| sender.send(text.to_owned()).unwrap());
    install(&mut client, &options).unwrap_err();
    let wait = waits.try_recv().unwrap();
    assert!(
        wait.contains(&process) && wait.contains("session_user_id"),
        "{wait}"
    );

    // The connection is as before, and the next install replaces what is left.
    let settings: Vec<String> = client
        .query_one(
            "select array[current_setting('lock_timeout'), current_setting('role'), current_setting('default_transaction_read_only')]",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(settings, ["0", "none", "off"]);
    open.rollback().unwrap();
    let report = install(&mut client, &options).unwrap();
    assert_eq!(report.changes.len(), 1);
    database.expect_up_to_date();
}

#[test]
fn install_that_ends_during_build_is_repaired_by_next() {
    let database = store_with_sessions();
    let mut client = database.superuser();
    client
        .batch_execute("drop index web.session_user_id")
        .unwrap();
    let mut writer = database.superuser();
    let mut open = writer.transaction().unwrap();
    open.batch_execute("select web.set_session_data('open', '{}', null)")
        .unwrap();
    let child = start(database.command(&["install"]));
    // Earlier, the index is not in the catalog yet.
    wait_until("the build waits for the writer", || {
        phase(&mut client).as_deref() == Some("waiting for writers before build")
    });
    client
        .execute(
            "select pg_terminate_backend(p.pid, 10000) from pg_stat_progress_create_index as p where p.datname = current_database()",
            &[],
        )
        .unwrap();
    end(child)
        .expect(2)
        .says(&["index session_user_id could not be built"]);
    open.rollback().unwrap();
    database
        .run(&["install"])
        .expect(0)
        .says(&["changed index session_user_id: valid was false, is true"]);
    database.expect_up_to_date();
}

// One install builds an index while others wait for the lock of installs, each in a transaction.
#[test]
fn concurrent_installs_build_each_index_once() {
    let database = store_with_sessions();
    database
        .superuser()
        .batch_execute(
            "drop index web.session_user_id, web.session_handle, web.session_prune_after",
        )
        .unwrap();
    let children: Vec<_> = (0..4)
        .map(|_| start(database.command(&["install", "--format", "json"])))
        .collect();
    let mut built = 0;
    for child in children {
        let report = end(child).expect(0).json();
        built += report["changes"].as_array().unwrap().len();
    }
    assert_eq!(built, 3);
    database.expect_up_to_date();
}

// A connection whose transactions are read-only and serializable by default.
#[test]
fn build_ignores_session_settings() {
    let database = store_with_sessions();
    database
        .superuser()
        .batch_execute("drop index web.session_user_id")
        .unwrap();
    let odd = [(
        "PGOPTIONS",
        "-c default_transaction_isolation=serializable -c default_transaction_read_only=on -c quote_all_identifiers=on \
         -c search_path=nowhere",
    )];
    database
        .run_with(&odd, &["install"])
        .expect(0)
        .says(&["created index session_user_id"]);
    database.expect_up_to_date();
}
