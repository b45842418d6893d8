//! The pruner: it prunes without calls, continues after errors, and ends when it is dropped.

use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, SystemTime};

use crate::support::test_database::{TestDatabase, create};
use connect_pg::{PruneOptions, Pruner, Store};

/// What a run reports: deleted, busy, failed.
type Told = (u64, bool, bool);

fn start(store: &Store, batch: u32) -> (Pruner, Receiver<Told>) {
    let (sender, receiver) = mpsc::channel();
    let options = PruneOptions::new()
        .interval(Duration::from_millis(1))
        .batch_size(batch)
        .on_run(move |run| {
            let _ = sender.send((run.deleted(), run.is_busy(), run.error().is_some()));
        });
    (store.start_pruning(options).unwrap(), receiver)
}

/// Inserts `count` sessions that have long expired.
fn insert_expired(database: &TestDatabase, store: &Store, count: u32) {
    for n in 0..count {
        create(store, n);
    }
    database
        .superuser()
        .batch_execute(
            "update web.session set expires_at = now() - interval '2 days',
                 slide_at = now() - interval '2 days', prune_after = now() - interval '2 days'",
        )
        .unwrap();
}

fn rows(database: &TestDatabase) -> i64 {
    database
        .superuser()
        .query_one("select count(*) from web.session", &[])
        .unwrap()
        .get(0)
}

#[test]
fn run_prunes_until_complete() {
    let database = TestDatabase::new();
    let store = database.store();
    insert_expired(&database, &store, 20);
    let (pruner, runs) = start(&store, 3);
    assert_eq!(runs.recv().unwrap(), (20, false, false));
    assert_eq!(runs.recv().unwrap(), (0, false, false));
    assert_eq!(rows(&database), 0);
    let last = pruner.last_run().unwrap();
    assert_eq!((last.deleted(), last.rescheduled()), (0, 0));
    assert!(last.error().is_none() && last.ended_at() > SystemTime::UNIX_EPOCH);
}

#[test]
fn busy_run_ends_and_next_run_prunes() {
    let database = TestDatabase::new();
    let store = database.store();
    insert_expired(&database, &store, 5);
    let mut client = database.client();
    let mut transaction = client.transaction().unwrap();
    assert!(!Store::on(&mut transaction).prune(1).unwrap().is_busy());
    let (_pruner, runs) = start(&store, 10);
    assert_eq!(runs.recv().unwrap(), (0, true, false));
    transaction.commit().unwrap();
    while runs.recv().unwrap() != (4, false, false) {}
    assert_eq!(rows(&database), 0);
}

#[test]
fn pruner_continues_after_error() {
    let database = TestDatabase::new();
    let store = database.store();
    let mut superuser = database.superuser();
    superuser
        .batch_execute("alter function web.prune_sessions(integer) rename to elsewhere")
        .unwrap();
    let (pruner, runs) = start(&store, 10);
    assert_eq!(runs.recv().unwrap(), (0, false, true));
    assert_eq!(runs.recv().unwrap(), (0, false, true));
    let error = pruner.last_run().unwrap();
    assert!(error.error().unwrap().is_not_installed());
    superuser
        .batch_execute("alter function web.elsewhere(integer) rename to prune_sessions")
        .unwrap();
    while runs.recv().unwrap().2 {}

    database.terminate_connections();
    while runs.recv().unwrap().2 {}
}

#[test]
fn pruner_continues_after_callback_panic() {
    let database = TestDatabase::new();
    let (sender, receiver) = mpsc::channel();
    let options = PruneOptions::new()
        .interval(Duration::from_millis(1))
        .on_run(move |_| {
            sender.send(()).unwrap();
            panic!("the callback's");
        });
    let _pruner = database.store().start_pruning(options).unwrap();
    receiver.recv().unwrap();
    receiver.recv().unwrap();
}

#[test]
fn drop_ends_thread_at_once() {
    let database = TestDatabase::direct();
    let (sender, receiver) = mpsc::channel::<()>();
    // The drop must interrupt a wait of a year, or this test does not end.
    let options = PruneOptions::new()
        .interval(Duration::from_hours(365 * 24))
        .on_run(move |_| sender.send(()).unwrap());
    let pruner = database.store().start_pruning(options).unwrap();
    assert!(pruner.last_run().is_none());
    drop(pruner);
    // The thread has dropped the callback and the last handle of the pool, and with it the connections.
    assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    database.wait_until_disconnected();
}

#[test]
fn invalid_options_are_refused() {
    let database = TestDatabase::new();
    let store = database.store();
    for (name, options) in [
        ("no interval", PruneOptions::new().interval(Duration::ZERO)),
        ("empty batch", PruneOptions::new().batch_size(0)),
        ("largest batch", PruneOptions::new().batch_size(u32::MAX)),
    ] {
        let error = store.start_pruning(options).expect_err(name);
        assert!(error.is_invalid_argument(), "{name}: {error}");
    }
}
