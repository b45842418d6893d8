//! In a task of an async runtime: every call returns an error, no drop panics, and `spawn_blocking` works.

use std::future::Future;

use crate::support::test_database::{TestDatabase, create};
use connect_pg::{Error, PruneOptions, Session, SessionAttributes, Store};
use tokio::runtime::{Builder, Runtime};
use tokio::task;

fn runtimes() -> [Runtime; 2] {
    [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap(),
    ]
}

/// Runs a test in the main task and in a spawned task of both kinds of runtime.
fn in_tasks<F: Future<Output = ()> + Send + 'static>(test: impl Fn() -> F) {
    for runtime in runtimes() {
        runtime.block_on(test());
        runtime.block_on(async { task::spawn(test()).await.unwrap() });
    }
}

fn assert_refused<T: std::fmt::Debug>(result: Result<T, Error>) {
    let error = result.unwrap_err();
    assert!(error.is_async_context(), "{error}");
    assert!(!error.is_outcome_unknown() && !error.is_unavailable());
    assert!(
        error.to_string().contains("connect_pg::tokio::Store"),
        "{error}"
    );
}

#[test]
fn connect_in_task_is_refused() {
    let database = TestDatabase::new();
    let url = database.url();
    in_tasks(|| {
        let url = url.clone();
        async move {
            assert_refused(Store::connect(&url));
            assert_refused(Store::builder().database_url(&url).connect());
        }
    });
}

#[test]
fn build_and_drop_in_task_are_allowed() {
    let database = TestDatabase::direct();
    let url = database.url();
    in_tasks(|| {
        let url = url.clone();
        async move {
            let store = Store::builder().database_url(&url).build().unwrap();
            assert_refused(store.count());
            let other = store.clone();
            let count = task::spawn_blocking(move || other.count());
            assert_eq!(count.await.unwrap().unwrap(), 0);
            drop(store);
            drop(Store::builder().database_url(&url).build().unwrap());
        }
    });
    database.wait_until_disconnected();
}

#[test]
fn every_call_in_task_is_refused_and_changes_nothing() {
    let database = TestDatabase::new();
    let store = database.store();
    let session = create(&store, 1);
    in_tasks(|| {
        let (store, mut session): (Store, Session<i32>) = (store.clone(), session.clone());
        async move {
            let id = session.id().clone();
            assert_refused(store.create(1, &SessionAttributes::new()));
            assert_refused(store.load::<i32>(&id));
            assert_refused(store.peek::<i32>(&id));
            session.data = 2;
            assert_refused(store.save(&mut session));
            assert_refused(store.update(&id, |n: &mut i32| *n += 1));
            assert_refused(store.touch(&id));
            assert_refused(store.end(&id));
            assert_refused(store.count());
            assert_refused(store.prune(1));
        }
    });
    assert_eq!(store.count().unwrap(), 1);
    assert_eq!(store.load::<i32>(session.id()).unwrap().unwrap().data, 1);
}

#[test]
fn borrowed_call_in_task_is_refused_and_connection_stays_usable() {
    let database = TestDatabase::new();
    for runtime in runtimes() {
        let mut client = database.client();
        runtime.block_on(async { assert_refused(Store::on(&mut client).count()) });
        assert_eq!(Store::on(&mut client).count().unwrap(), 0);
    }
}

#[test]
fn call_in_unconstrained_task_is_refused() {
    let database = TestDatabase::new();
    let store = database.store();
    let url = database.url();
    let mut client = database.client();
    for runtime in runtimes() {
        runtime.block_on(task::unconstrained(async {
            assert_refused(store.count());
            assert_refused(Store::connect(&url));
            assert_refused(Store::on(&mut client).count());
        }));
        // The panic that is caught inside has no effect on later calls.
        assert_eq!(store.count().unwrap(), 0);
        assert_eq!(Store::on(&mut client).count().unwrap(), 0);
    }
}

#[test]
fn call_in_spawn_blocking_succeeds() {
    let database = TestDatabase::new();
    let url = database.url();
    in_tasks(|| {
        let url = url.clone();
        async move {
            let loaded = task::spawn_blocking(move || {
                let store = Store::connect(&url)?;
                let session = store.create("data", &SessionAttributes::new())?;
                store.load::<String>(session.id())
            });
            assert_eq!(loaded.await.unwrap().unwrap().unwrap().data, "data");
        }
    });
}

#[test]
fn call_in_entered_runtime_or_block_in_place_succeeds() {
    let database = TestDatabase::new();
    let store = database.store();
    for runtime in runtimes() {
        let _context = runtime.enter();
        assert_eq!(store.count().unwrap(), 0);
    }
    let [_, threads] = runtimes();
    threads.block_on(async {
        let count = task::spawn(async move { task::block_in_place(|| store.count()) });
        assert_eq!(count.await.unwrap().unwrap(), 0);
    });
}

#[test]
fn drop_in_task_closes_connections() {
    let database = TestDatabase::direct();
    for runtime in runtimes() {
        for unconstrained in [false, true] {
            let store = database.store();
            let session = create(&store, 1);
            let pruner = store.start_pruning(PruneOptions::new()).unwrap();
            let drop_all = async move {
                drop(session);
                drop(store); // not the last handle
                drop(pruner);
            };
            let store = database.store();
            let drop_last = async move { drop(store) };
            if unconstrained {
                runtime.block_on(task::unconstrained(drop_all));
                runtime.block_on(task::unconstrained(drop_last));
            } else {
                runtime.block_on(drop_all);
                runtime.block_on(drop_last);
            }
        }
    }
    // The connections are closed, and not leaked.
    database.wait_until_disconnected();
}

#[test]
fn broken_connection_in_spawn_blocking_is_replaced() {
    let database = TestDatabase::new();
    let store = database.store();
    create(&store, 1);
    database.terminate_connections();
    for runtime in runtimes() {
        let store = store.clone();
        let count = runtime.block_on(async { task::spawn_blocking(move || store.count()).await });
        assert_eq!(count.unwrap().unwrap(), 1);
    }
}

#[test]
fn start_pruning_in_task_prunes() {
    let database = TestDatabase::new();
    let store = database.store();
    for runtime in runtimes() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let pruner = runtime.block_on(async {
            let options = PruneOptions::new()
                .interval(std::time::Duration::from_millis(1))
                .on_run(move |run| {
                    let _ = sender.send(run.error().is_none());
                });
            store.start_pruning(options).unwrap()
        });
        assert!(receiver.recv().unwrap());
        drop(pruner);
    }
}
