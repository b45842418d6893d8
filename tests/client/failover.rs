//! The primary is lost, and its standby takes over.

use std::thread;

use crate::support::copied_server::CopiedServer;
use crate::support::skip::skip;
use crate::support::test_database::{TestDatabase, create};
use crate::support::wait::wait_until;
use connect_pg::{SaveOutcome, Store};

#[test]
fn every_thread_works_after_failover() {
    const THREADS: usize = 4;
    let database = TestDatabase::new();
    let mut primary = match CopiedServer::with_settings(&[]) {
        Ok(server) => server,
        Err(reason) => return skip(&reason),
    };
    drop(primary.connect("postgres"));
    let mut standby = primary.own_standby().expect("a standby of the copy");
    let mut superuser = standby.connect(&database.name);

    let port = database.config().get_ports()[0];
    let url = format!(
        "host={},{} port={port} dbname={} user={} target_session_attrs=read-write",
        primary.socket_directory().display(),
        standby.socket_directory().display(),
        database.name,
        database.role,
    );
    let store = Store::builder().database_url(&url).pool_size(4);
    let store = store.connect().unwrap();
    let sessions: Vec<_> = (0..THREADS).map(|_| create(&store, 1)).collect();
    let mut replayed = || -> i64 {
        let row = superuser.query_one("select count(*) from web.session", &[]);
        row.unwrap().get(0)
    };
    wait_until("the standby has the sessions", || {
        replayed() == i64::try_from(THREADS).unwrap()
    });

    drop(primary);
    let error = store.load::<i32>(sessions[0].id()).unwrap_err();
    assert!(
        error.is_unavailable() && !error.is_outcome_unknown(),
        "{error}"
    );
    let promoted: bool = superuser
        .query_one("select pg_promote()", &[])
        .unwrap()
        .get(0);
    assert!(promoted);

    // The very next call of every thread.
    thread::scope(|scope| {
        for mut session in sessions {
            let store = &store;
            scope.spawn(move || {
                session.data = 2;
                assert_eq!(store.save(&mut session).unwrap(), SaveOutcome::Saved);
                let found = store.load::<i32>(session.id()).unwrap();
                assert_eq!(found.unwrap().data, 2);
            });
        }
    });
}
