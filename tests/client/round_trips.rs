//! Each call takes one round trip: a proxy counts the messages after which the client waits for the server.

use crate::support::proxy::Proxy;
use crate::support::server::connect;
use crate::support::test_database::{TestDatabase, updated};
use connect_pg::{Backend, SessionAttributes, Store};

/// Makes each call once, and returns the round trips of each.
fn count_each<B: Backend>(store: &Store<B>, proxy: &Proxy) -> Vec<(&'static str, usize)> {
    let mut counts = Vec::new();
    let mut before = proxy.round_trips();
    let mut count = |name| {
        let now = proxy.round_trips();
        counts.push((name, now - before));
        before = now;
    };
    let mut session = store
        .create(1, &SessionAttributes::new().user_id("4711"))
        .unwrap();
    count("create");
    store.load::<i32>(session.id()).unwrap().unwrap();
    count("load");
    store.peek::<i32>(session.id()).unwrap().unwrap();
    count("peek");
    session.data = 2;
    let _ = store.save(&mut session).unwrap();
    count("save");
    store.touch(session.id()).unwrap().unwrap();
    count("touch");
    store.count().unwrap();
    count("count");
    store.prune(10).unwrap();
    count("prune");
    assert!(store.end(session.id()).unwrap());
    count("end");
    assert!(store.load::<i32>(session.id()).unwrap().is_none());
    count("load of none");
    counts
}

fn assert_one_each(counts: &[(&str, usize)]) {
    assert!(
        counts.iter().all(|(_, round_trips)| *round_trips == 1),
        "{counts:?}"
    );
}

#[test]
fn pool_call_with_prepared_statement_takes_one_round_trip() {
    let database = TestDatabase::new();
    let proxy = Proxy::to(&database);
    let builder = proxy.builder(&database).pool_size(1).group_calls(true);
    let store = builder.connect().unwrap();
    let first = count_each(&store, &proxy);
    assert!(
        first.iter().all(|(_, round_trips)| *round_trips <= 2),
        "{first:?}"
    );
    for _ in 0..3 {
        assert_one_each(&count_each(&store, &proxy));
    }
    assert_eq!(proxy.connections(), 1);
}

#[test]
fn pool_call_without_prepared_statements_takes_one_round_trip() {
    let database = TestDatabase::new();
    let proxy = Proxy::to(&database);
    let store = proxy
        .builder(&database)
        .pool_size(1)
        .group_calls(true)
        .prepare_statements(false)
        .connect()
        .unwrap();
    assert_one_each(&count_each(&store, &proxy));
    assert_one_each(&count_each(&store, &proxy));
    assert_eq!(proxy.connections(), 1);
}

#[test]
fn borrowed_call_takes_one_round_trip() {
    let database = TestDatabase::new();
    let proxy = Proxy::to(&database);
    let mut client = connect(&proxy.config(&database));
    assert_one_each(&count_each(&Store::on(&mut client), &proxy));
    let mut transaction = client.transaction().unwrap();
    assert_one_each(&count_each(&Store::on(&mut transaction), &proxy));
}

#[test]
fn update_takes_two_round_trips() {
    let database = TestDatabase::new();
    let proxy = Proxy::to(&database);
    let store = proxy.builder(&database).pool_size(1).connect().unwrap();
    let session = store.create(1, &SessionAttributes::new()).unwrap();
    let update = || updated(store.update(session.id(), |n: &mut i32| *n += 1));
    update();
    let before = proxy.round_trips();
    assert_eq!(update().data, 3);
    assert_eq!(proxy.round_trips() - before, 2);
}

#[test]
fn build_opens_no_connection() {
    let database = TestDatabase::new();
    let proxy = Proxy::to(&database);
    let store = proxy.builder(&database).build().unwrap();
    assert_eq!(proxy.connections(), 0);
    store.count().unwrap();
    assert_eq!(
        proxy.connections(),
        1,
        "one call opens one connection of a larger pool"
    );
}
