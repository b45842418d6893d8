//! Autovacuum of the session table, which may take minutes, delays neither the end of all sessions nor an install.

use postgres::Client;

use crate::support::copied_server::CopiedServer;
use crate::support::server::value;
use crate::support::skip::skip;
use crate::support::test_database::TestDatabase;
use crate::support::wait::wait_until;

#[test]
fn end_all_sessions_interrupts_autovacuum() {
    let store = TestDatabase::new();
    with_autovacuum(&store, |client| {
        let ended: i64 = value(client, "select web.end_all_sessions()");
        assert_eq!(ended, 2000);
    });
}

#[cfg(feature = "install")]
#[test]
fn first_attempt_of_install_interrupts_autovacuum() {
    use connect_pg::install::{InstallOptions, install};
    let store = TestDatabase::new();
    with_autovacuum(&store, |client| {
        let options = InstallOptions::default()
            .role(&store.role)
            .unwrap()
            .lock_wait(std::time::Duration::ZERO);
        let report = install(client, &options).unwrap();
        assert!(
            report
                .changes
                .iter()
                .any(|change| change.object == "session"),
            "{report:?}"
        );
        let live: i32 = value(client, "select web.count_sessions()");
        assert_eq!(live, 2000);
    });
}

/// Copies the store to a server of its own, and calls `call` while autovacuum has a lock on its table.
fn with_autovacuum(store: &TestDatabase, call: impl FnOnce(&mut Client)) {
    let mut server = match CopiedServer::with_settings(&["autovacuum_naptime=1"]) {
        Ok(server) => server,
        Err(reason) => {
            skip(&reason);
            return;
        }
    };
    let mut client = server.connect(&store.name);
    // Each page takes a tenth of a second. An install sets the fillfactor again, which waits for autovacuum.
    client
        .batch_execute(
            "alter table web.session reset (fillfactor);
             alter table web.session set (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1);
             select web.create_session(sha256(n::text::bytea), repeat('x', 1000)) from generate_series(1, 2000) as n;
             update web.session set prune_after = prune_after + interval '1 day'",
        )
        .unwrap();
    wait_until("autovacuum has a lock on the table", || {
        value(
            &mut client,
            "select exists (
                select
                from pg_locks as l
                join pg_stat_activity as a on a.pid = l.pid
                where a.backend_type = 'autovacuum worker'
                    and l.relation = 'web.session'::regclass
                    and l.mode = 'ShareUpdateExclusiveLock'
            )",
        )
    });
    call(&mut client);
}
