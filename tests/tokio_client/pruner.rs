//! The pruner: it prunes without calls, continues after errors, and ends when it is dropped.

use std::time::Duration;

use super::{connect, create, execute, outside, run, run_on};
use crate::support::test_database::TestDatabase;
use connect_pg::PruneOptions;
use connect_pg::tokio::{Pruner, Store};
use tokio::sync::mpsc;

const EXPIRE_ALL: &str = "update web.session set expires_at = now() - interval '2 days',
    slide_at = now() - interval '2 days', prune_after = now() - interval '2 days'";

/// What a run reports: deleted, failed.
type Told = (u64, bool);

fn start(store: &Store, batch: u32) -> (Pruner, mpsc::UnboundedReceiver<Told>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let options = PruneOptions::new()
        .interval(Duration::from_millis(1))
        .batch_size(batch)
        .on_run(move |run| {
            let _ = sender.send((run.deleted(), run.error().is_some()));
            assert!(run.deleted() != 3, "a panic of the callback");
        });
    (store.start_pruning(options).unwrap(), receiver)
}

#[test]
fn runs_prune_until_complete_and_continue_after_panic_and_error() {
    run(async |database| {
        let store = connect(database).await;
        for number in 0..20 {
            create(&store, number).await;
        }
        execute(database, EXPIRE_ALL);
        let (pruner, mut runs) = start(&store, 3);
        assert_eq!(runs.recv().await.unwrap(), (20, false));
        assert_eq!(runs.recv().await.unwrap(), (0, false));
        assert_eq!(pruner.last_run().unwrap().deleted(), 0);

        for number in 0..3 {
            create(&store, number).await;
        }
        execute(database, EXPIRE_ALL);
        while runs.recv().await.unwrap().0 == 0 {}
        execute(
            database,
            "alter function web.prune_sessions(integer) rename to elsewhere",
        );
        while !runs.recv().await.unwrap().1 {}
        assert!(
            pruner
                .last_run()
                .unwrap()
                .error()
                .unwrap()
                .is_not_installed()
        );
        execute(
            database,
            "alter function web.elsewhere(integer) rename to prune_sessions",
        );
        while runs.recv().await.unwrap().1 {}
        outside(|| database.terminate_connections());
        while runs.recv().await.unwrap().1 {}
    });
}

#[test]
fn drop_ends_the_task() {
    run_on(&TestDatabase::direct(), async |database| {
        let store = connect(database).await;
        let (pruner, mut runs) = start(&store, 3);
        runs.recv().await.unwrap();
        drop((pruner, store));
        // The task has dropped the callback and the last clone of the store.
        while runs.recv().await.is_some() {}
        outside(|| database.wait_until_disconnected());
    });
}

#[test]
fn invalid_options_are_refused() {
    run(async |database| {
        let store = connect(database).await;
        for options in [
            PruneOptions::new().interval(Duration::ZERO),
            PruneOptions::new().batch_size(0),
        ] {
            assert!(
                store
                    .start_pruning(options)
                    .unwrap_err()
                    .is_invalid_argument()
            );
        }
    });
}
