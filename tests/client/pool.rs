//! The pool of a store: its status, the age of its connections, and its end.

use std::thread;
use std::time::Duration;

use super::assert_unavailable;
use crate::support::case::case;
use crate::support::proxy::Proxy;
use crate::support::test_database::{TestDatabase, create, updated};
use crate::support::wait::wait_until;
use connect_pg::{Error, ErrorKind, PoolStatus, Session, SessionAttributes, Store, StoreBuilder};

/// Long enough to mean "until it is my turn".
const LONG: Duration = Duration::from_mins(5);

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
    assert_eq!(updated(within), (3, 1, 0, 0));
}

#[test]
fn closed_store_returns_unavailable() {
    let database = TestDatabase::direct();
    let store = database.store();
    let id = create(&store, 1).id().clone();
    let clone = store.clone();
    for _ in 0..2 {
        clone.close();
        database.wait_until_disconnected();
        assert_eq!(store.pool_status().open, 0);
        let error = store.end(&id).unwrap_err();
        assert_unavailable(&error);
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
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
    updated(outcome);
    assert_eq!(store.pool_status().open, 0);
    assert!(store.load::<i32>(&id).unwrap_err().is_unavailable());
    assert_eq!(database.store().load::<i32>(&id).unwrap().unwrap().data, 2);
}

#[test]
fn connection_past_its_lifetime_or_idle_timeout_is_replaced() {
    const SHORTEST: Duration = Duration::from_nanos(1);
    type Limit = fn(StoreBuilder) -> StoreBuilder;
    let none: Limit = |builder| builder;
    let lifetime: Limit = |builder| builder.connection_max_lifetime(SHORTEST);
    let idle: Limit = |builder| builder.connection_idle_timeout(Some(SHORTEST));
    let database = TestDatabase::new();
    for (name, limit, connections) in [
        ("none", none, 1),
        ("lifetime", lifetime, 4),
        ("idle", idle, 4),
    ] {
        case(name, || {
            let proxy = Proxy::to(&database);
            let store = limit(proxy.builder(&database))
                .pool_size(1)
                .connect()
                .unwrap();
            for _ in 0..3 {
                store.count().unwrap();
            }
            assert_eq!(proxy.connections(), connections);
        });
    }
}

type Call = fn(&Store, &Session<i32>) -> Result<(), Error>;

/// Calls that may wait for a row. All of them wait for the session of ada.
const BLOCKABLE_CALLS: [(&str, Call); 9] = [
    ("with_locked", |store, session| {
        let work = |_: &mut Session<i32>| Ok::<_, Error>(());
        store.with_locked(session.id(), LONG, work).map(drop)
    }),
    ("save", |store, session| {
        let mut session = session.clone();
        session.data += 1;
        store.save(&mut session).map(drop)
    }),
    ("update", |store, session| {
        store.update(session.id(), |n: &mut i32| *n += 1).map(drop)
    }),
    ("rotate", |store, session| {
        store.rotate(&mut session.clone(), Duration::ZERO).map(drop)
    }),
    ("login", |store, session| {
        let attributes = SessionAttributes::new();
        store
            .login(&mut session.clone(), "ada", &attributes)
            .map(drop)
    }),
    ("logout", |store, session| {
        store.logout(&mut session.clone()).map(drop)
    }),
    ("end", |store, session| store.end(session.id()).map(drop)),
    ("end_user_sessions", |store, _| {
        store.end_user_sessions("ada", None).map(drop)
    }),
    ("create", |store, _| {
        let attributes = SessionAttributes::new().user_id("ada");
        store.create(1, &attributes).map(drop)
    }),
];

// One visitor's requests wait for a lock. The load of another visitor does not wait for them.
#[test]
fn blocked_calls_leave_half_of_pool_to_other_sessions() {
    const BLOCKED: i64 = 5;
    let database = TestDatabase::new();
    for (name, call) in BLOCKABLE_CALLS {
        case(name, || {
            let store = database.store();
            let of_ada = SessionAttributes::new().user_id("ada");
            let session = store.create(1, &of_ada).unwrap();
            let other = create(&store, 7);
            let mut superuser = database.superuser();
            let mut transaction = superuser.transaction().unwrap();
            transaction
                .batch_execute("select web.lock_user('ada'); select from web.session for update")
                .unwrap();
            thread::scope(|scope| {
                let blocked: Vec<_> = (0..BLOCKED)
                    .map(|_| scope.spawn(|| call(&store, &session)))
                    .collect();
                database.wait_until_blocked(2);
                wait_until("the other calls wait for a connection", || {
                    i64::from(store.pool_status().waiting) == BLOCKED - 2
                });
                // On one of two connections that stay free.
                for _ in 0..2 {
                    assert_eq!(store.load::<i32>(other.id()).unwrap().unwrap().data, 7);
                }
                assert!(!blocked.iter().any(thread::ScopedJoinHandle::is_finished));
                assert_eq!(i64::from(store.pool_status().waiting), BLOCKED - 2);
                transaction.rollback().unwrap();
                for thread in blocked {
                    thread.join().unwrap().unwrap();
                }
            });
        });
    }
}

// Many threads on two connections, which break now and then, and a timeout that some calls do not meet.
#[test]
fn busy_pool_with_timeouts_and_lost_connections_leaks_nothing() {
    const THREADS: usize = 12;
    const LOADS: usize = 40;
    let database = TestDatabase::new();
    let store = database
        .builder()
        .pool_size(2)
        .pool_timeout(Duration::from_millis(1))
        .connect()
        .unwrap();
    let id = create(&store, 1).id().clone();
    let load = || match store.load::<i32>(&id) {
        Ok(session) => {
            assert_eq!(session.unwrap().data, 1);
            true
        }
        Err(error) => {
            assert_unavailable(&error);
            false
        }
    };
    let served: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| (0..LOADS).filter(|_| load()).count()))
            .collect();
        while !threads.iter().all(thread::ScopedJoinHandle::is_finished) {
            database.terminate_connections();
        }
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert!(served > 0);
    let status = store.pool_status();
    assert_eq!((status.idle, status.waiting), (status.open, 0));
    assert!(load());
}
