//! The pool of a store: its status, the age of its connections, and its end.

use std::thread;
use std::time::Duration;

use crate::support::test_database::{TestDatabase, create};
use connect_pg::{Error, ErrorKind, PoolStatus, Session};

fn connections(status: PoolStatus) -> (u32, u32, u32, u32) {
    (status.size, status.open, status.idle, status.waiting)
}

#[test]
fn pool_status_counts_open_and_idle_connections() {
    let database = TestDatabase::new();
    let store = database.builder().pool_size(3).build().unwrap();
    assert_eq!(connections(store.pool_status()), (3, 0, 0, 0));
    let id = create(&store, 1).id().clone();
    assert_eq!(connections(store.pool_status()), (3, 1, 1, 0));
    let within = store.with_locked(&id, Duration::from_secs(5), |_: &mut Session<i32>| {
        Ok::<_, Error>(connections(store.pool_status()))
    });
    assert_eq!(within.unwrap().updated(), Some((3, 1, 0, 0)));
}

#[test]
fn closed_store_returns_unavailable() {
    let database = TestDatabase::new();
    let store = database.store();
    let id = create(&store, 1).id().clone();
    let clone = store.clone();
    clone.close();
    assert_eq!(store.pool_status().open, 0);
    let error = store.load::<i32>(&id).unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    clone.close();
}

#[test]
fn store_closed_during_call_finishes_the_call() {
    let database = TestDatabase::new();
    let store = database.store();
    let id = create(&store, 1).id().clone();
    let outcome = store.with_locked(&id, Duration::from_secs(5), |session: &mut Session<i32>| {
        store.close();
        session.data = 2;
        Ok::<_, Error>(())
    });
    assert!(!outcome.unwrap().is_gone());
    assert_eq!(store.pool_status().open, 0);
    assert!(store.load::<i32>(&id).unwrap_err().is_unavailable());
    assert_eq!(database.store().load::<i32>(&id).unwrap().unwrap().data, 2);
}

/// Returns the server process of the newest connection, if there is one.
fn newest_process(database: &TestDatabase) -> Option<i32> {
    database
        .superuser()
        .query_opt(
            "select pid from pg_stat_activity where usename = $1 order by backend_start desc limit 1",
            &[&database.role],
        )
        .unwrap()
        .map(|row| row.get(0))
}

#[test]
fn expired_connection_is_replaced() {
    let database = TestDatabase::new();
    let builder = || database.builder().pool_size(1);
    let short = Duration::from_millis(10);
    let stores = [
        (builder().build(), true),
        (builder().connection_max_lifetime(short).build(), false),
        (
            builder().connection_idle_timeout(Some(short)).build(),
            false,
        ),
        (builder().connection_idle_timeout(None).build(), true),
    ];
    for (store, keeps) in stores {
        let store = store.unwrap();
        store.count().unwrap();
        let first = newest_process(&database);
        thread::sleep(2 * short);
        store.count().unwrap();
        // A connection that expires during its call is closed after it.
        let kept = first.is_some() && newest_process(&database) == first;
        assert_eq!(kept, keeps);
    }
}

#[test]
fn zero_lifetime_is_refused() {
    let database = TestDatabase::new();
    for builder in [
        database.builder().connection_max_lifetime(Duration::ZERO),
        database
            .builder()
            .connection_idle_timeout(Some(Duration::ZERO)),
    ] {
        assert!(builder.build().unwrap_err().is_invalid_argument());
    }
}
