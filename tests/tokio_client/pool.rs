//! The pool of a store: its status, the age of its connections, its end, and its runtime.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::locked::Holder;
use super::{builder, connect, create, outside, run, run_on, runtime};
use crate::support::case::case;
use crate::support::proxy::Proxy;
use crate::support::test_database::{TestDatabase, updated, with_groups};
use crate::support::wait::wait_until;
use connect_pg::tokio::Store;
use connect_pg::{Error, ErrorKind, Session, SessionAttributes, SessionId, StoreBuilder};

const PATIENCE: Duration = Duration::from_mins(5);

pub fn through(proxy: &Proxy, database: &TestDatabase) -> StoreBuilder<Store> {
    let builder = Store::builder().config(proxy.config(database));
    with_groups(builder.schema(&database.schema))
}

fn connections(store: &Store) -> (u32, u32, u32, u32) {
    let status = store.pool_status();
    (status.size, status.open, status.idle, status.waiting)
}

#[test]
fn pool_status_counts_open_and_idle_connections() {
    run(async |database| {
        let store = builder(database).pool_size(3).build().unwrap();
        assert_eq!(connections(&store), (3, 0, 0, 0));
        let id = create(&store, 1).await.id().clone();
        assert_eq!(connections(&store), (3, 1, 1, 0));
        store.load::<i32>(&id).await.unwrap().unwrap();
        assert_eq!(connections(&store), (3, 2, 2, 0));
        let work = async |_: &mut Session<i32>| Ok::<_, Error>(connections(&store));
        let within = store.with_locked(&id, PATIENCE, work).await.unwrap();
        assert_eq!(within.updated(), Some((3, 2, 1, 0)));
    });
}

#[test]
fn pool_status_counts_calls_that_wait_and_hand_offs() {
    run(async |database| {
        let store = builder(database).pool_size(2).build().unwrap();
        let id = create(&store, 1_u32).await.id().clone();
        let before = store.pool_status().hand_offs;
        let holder = Holder::lock(&store, &id).await;
        let ends: Vec<_> = (0..3)
            .map(|_| {
                let (store, id) = (store.clone(), id.clone());
                tokio::spawn(async move { store.end(&id).await.unwrap() })
            })
            .collect();
        wait_until("three calls wait", || store.pool_status().waiting == 3);
        assert_eq!(store.pool_status().hand_offs, before);
        holder.unlock().await;
        let mut ended = 0;
        for end in ends {
            ended += u32::from(end.await.unwrap());
        }
        assert_eq!(ended, 1);
        let status = store.pool_status();
        assert_eq!((status.waiting, status.hand_offs), (0, before + 3));
    });
}

// The only connection for changes is that of the lock, so the call would wait for itself.
#[test]
fn change_under_lock_on_only_connection_for_changes_is_refused() {
    type Refused = (&'static str, Result<(), Error>);
    run(async |database| {
        let store = builder(database).pool_size(2).connect().await.unwrap();
        let id = create(&store, 1_u32).await.id().clone();
        let mut other = create(&store, 5_u32).await;
        let work = async |locked: &mut Session<u32>| {
            other.data = 6;
            let lock_other = async |_: &mut Session<u32>| Ok::<_, Error>(());
            let results: [Refused; 5] = [
                ("save", store.save(&mut other).await.map(drop)),
                ("end", store.end(other.id()).await.map(drop)),
                (
                    "create",
                    store.create(1, &SessionAttributes::new()).await.map(drop),
                ),
                ("count", store.count().await.map(drop)),
                (
                    "with_locked",
                    store
                        .with_locked(other.id(), PATIENCE, lock_other)
                        .await
                        .map(drop),
                ),
            ];
            for (name, result) in results {
                let error = result.expect_err(name);
                assert!(error.is_invalid_argument(), "{name}: {error}");
                assert!(error.to_string().contains("pool_size"), "{error}");
            }
            // Reads use another connection.
            assert_eq!(store.load::<u32>(other.id()).await?.unwrap().data, 5);
            // Another task waits for its turn.
            let spawned = tokio::spawn({
                let (store, id) = (store.clone(), other.id().clone());
                async move { store.end(&id).await.unwrap() }
            });
            locked.data = 2;
            Ok::<_, Error>(spawned)
        };
        let spawned = updated(store.with_locked(&id, PATIENCE, work).await);
        assert!(spawned.await.unwrap());
        assert_eq!(store.load::<u32>(&id).await.unwrap().unwrap().data, 2);
    });
}

// The call got its place before, and would open a connection now.
#[test]
fn call_with_place_opens_no_connection_after_close() {
    run(async |database| {
        let proxy = outside(|| Proxy::to(database));
        let store = through(&proxy, database).pool_size(2).build().unwrap();
        let id = SessionId::generate().unwrap();
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        // The first poll takes the place, and begins to connect.
        let mut end = pin!(store.end(&id));
        let mut info = pin!(store.info(&id));
        assert!(end.as_mut().poll(&mut context).is_pending());
        assert!(info.as_mut().poll(&mut context).is_pending());
        store.close();
        proxy.refuse();
        for error in [end.await.unwrap_err(), info.await.map(drop).unwrap_err()] {
            assert!(error.is_unavailable(), "{error}");
        }
        assert_eq!(store.pool_status().open, 0);
        outside(|| database.wait_until_disconnected());
    });
}

#[test]
fn default_pool_has_eight_places() {
    run(async |database| {
        assert_eq!(connections(&connect(database).await), (8, 1, 1, 0));
    });
}

#[test]
fn pool_of_one_is_refused() {
    let error = Store::builder().pool_size(1).build().unwrap_err();
    assert!(error.is_invalid_argument(), "{error}");
}

#[test]
fn concurrent_loads_open_each_connection_once() {
    run(async |database| {
        let proxy = outside(|| Proxy::to(database));
        let id = create(&connect(database).await, 1).await.id().clone();
        // Two of eight are for reads.
        let store = through(&proxy, database).pool_size(8).build().unwrap();
        let loads: Vec<_> = (0..64)
            .map(|_| {
                let (store, id) = (store.clone(), id.clone());
                tokio::spawn(async move { store.load::<i32>(&id).await.unwrap().unwrap().data })
            })
            .collect();
        for load in loads {
            assert_eq!(load.await.unwrap(), 1);
        }
        assert!(proxy.connections() <= 2, "{}", proxy.connections());
    });
}

#[test]
fn failed_connect_fails_every_call_that_waits_for_it() {
    run(async |database| {
        let proxy = outside(|| Proxy::to(database));
        proxy.refuse();
        let store = through(&proxy, database).build().unwrap();
        let id = connect_pg::SessionId::generate().unwrap();
        let loads: Vec<_> = (0..16)
            .map(|_| {
                let (store, id) = (store.clone(), id.clone());
                tokio::spawn(async move { store.load::<i32>(&id).await })
            })
            .collect();
        for load in loads {
            let error = load.await.unwrap().unwrap_err();
            assert!(
                error.is_unavailable() && !error.is_outcome_unknown(),
                "{error}"
            );
            assert!(
                error.to_string().contains("cannot connect to database"),
                "{error}"
            );
        }
        assert_eq!(store.pool_status().open, 0);
    });
}

#[test]
fn closed_store_returns_unavailable() {
    run_on(&TestDatabase::direct(), async |database| {
        let store = connect(database).await;
        let id = create(&store, 1).await.id().clone();
        let clone = store.clone();
        for _ in 0..2 {
            clone.close();
            outside(|| database.wait_until_disconnected());
            assert_eq!(store.pool_status().open, 0);
            for error in [
                store.end(&id).await.unwrap_err(),
                store.load::<i32>(&id).await.unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::Unavailable);
                assert!(!error.is_outcome_unknown());
            }
        }
    });
}

#[test]
fn store_closed_during_call_finishes_the_call_and_refuses_those_that_wait() {
    run(async |database| {
        let store = builder(database).pool_size(2).connect().await.unwrap();
        let id = create(&store, 1).await.id().clone();
        let waiting = {
            let (store, id) = (store.clone(), id.clone());
            async move { store.end(&id).await }
        };
        let work = async |session: &mut Session<i32>| {
            let waiting = tokio::spawn(waiting);
            while store.pool_status().waiting == 0 {
                tokio::task::yield_now().await;
            }
            store.close();
            assert!(waiting.await.unwrap().unwrap_err().is_unavailable());
            session.data = 2;
            Ok::<_, Error>(())
        };
        let outcome = store.with_locked(&id, PATIENCE, work).await.unwrap();
        assert!(outcome.updated().is_some());
        assert_eq!(store.pool_status().open, 0);
        let other = connect(database).await;
        assert_eq!(other.load::<i32>(&id).await.unwrap().unwrap().data, 2);
    });
}

#[test]
fn dropping_the_last_store_closes_its_connections() {
    run_on(&TestDatabase::direct(), async |database| {
        let store = connect(database).await;
        let id = create(&store, 1).await.id().clone();
        store.load::<i32>(&id).await.unwrap().unwrap();
        let clone = store.clone();
        drop(store);
        clone.load::<i32>(&id).await.unwrap().unwrap();
        drop(clone);
        outside(|| database.wait_until_disconnected());
    });
}

#[test]
fn connection_past_its_lifetime_or_idle_timeout_is_replaced() {
    const SHORTEST: Duration = Duration::from_nanos(1);
    type Limit = fn(StoreBuilder<Store>) -> StoreBuilder<Store>;
    let limits: [(&str, Limit, usize); 3] = [
        ("none", |builder| builder, 2),
        (
            "lifetime",
            |builder| builder.connection_max_lifetime(SHORTEST),
            6,
        ),
        (
            "idle",
            |builder| builder.connection_idle_timeout(Some(SHORTEST)),
            6,
        ),
    ];
    for (name, limit, connections) in limits {
        case(name, || {
            run(async |database| {
                let proxy = outside(|| Proxy::to(database));
                let store = limit(through(&proxy, database))
                    .pool_size(2)
                    .build()
                    .unwrap();
                for _ in 0..3 {
                    store.count().await.unwrap();
                    store.user_sessions("4711").await.unwrap();
                }
                assert_eq!(proxy.connections(), connections);
            });
        });
    }
}

#[test]
fn call_outside_of_runtime_returns_error() {
    let database = TestDatabase::new();
    let store = builder(&database).build().unwrap();
    // No runtime polls it.
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for error in [
        poll_once(store.count(), &mut context),
        poll_once(store.user_sessions("4711"), &mut context),
    ] {
        let error = error.unwrap();
        assert!(error.to_string().contains("tokio runtime"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Other);
    }
    let pruner = store.start_pruning(connect_pg::PruneOptions::new());
    assert!(pruner.unwrap_err().to_string().contains("tokio runtime"));
}

fn poll_once<T>(
    call: impl Future<Output = Result<T, Error>>,
    context: &mut std::task::Context<'_>,
) -> Option<Error> {
    match std::pin::pin!(call).as_mut().poll(context) {
        std::task::Poll::Ready(result) => result.err(),
        std::task::Poll::Pending => None,
    }
}

#[test]
fn store_outlives_the_runtime_of_its_connections() {
    let database = TestDatabase::direct();
    let store = builder(&database).build().unwrap();
    let first = runtime();
    let id = first.block_on(async {
        let id = create(&store, 1).await.id().clone();
        store.load::<i32>(&id).await.unwrap().unwrap();
        id
    });
    drop(first);
    for _ in 0..2 {
        runtime().block_on(async {
            assert_eq!(store.load::<i32>(&id).await.unwrap().unwrap().data, 1);
            let other = create(&store, 2).await;
            assert!(store.end(other.id()).await.unwrap());
        });
    }
    // Without a runtime, too.
    drop(store);
    database.wait_until_disconnected();
}

#[test]
fn connection_that_a_runtime_was_opening_when_it_shut_down_is_opened_by_the_next() {
    let database = TestDatabase::new();
    let store = builder(&database).build().unwrap();
    let id = SessionId::generate().unwrap();
    let first = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // It polls nothing else, so the task that opens the connection has not begun.
    first.block_on(poll_fn(|context| {
        assert!(poll_once(store.load::<i32>(&id), context).is_none());
        Poll::Ready(())
    }));
    runtime().block_on(async {
        let mut load = pin!(store.load::<i32>(&id));
        poll_fn(|context| {
            assert!(load.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        first.shutdown_background();
        assert!(load.await.unwrap().is_none());
    });
}
