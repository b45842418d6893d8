//! A server that does not answer, or accepts no further connection.

use std::time::Duration;

use super::{builder, create, execute, outside, run, run_on};
use crate::support::frozen::Frozen;
use crate::support::server::quoted;
use crate::support::skip::skip;
use crate::support::test_database::TestDatabase;
use connect_pg::SaveOutcome;
use tokio::time::timeout;

/// Long enough for a busy machine, and short enough to wait for.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

#[test]
fn calls_to_frozen_server_end_and_next_calls_work() {
    run_on(&TestDatabase::direct(), async |database| {
        let store = builder(database).call_timeout(CALL_TIMEOUT);
        let store = store.pool_size(2).connect().await.unwrap();
        let mut session = create(&store, 1).await;
        store.load::<i32>(session.id()).await.unwrap().unwrap();
        let _frozen = match outside(|| Frozen::connections_of(database)) {
            Ok(frozen) => frozen,
            Err(reason) => return skip(&reason),
        };
        // Dropped by the caller. Its place is free again after the time of a call.
        session.data = 2;
        let dropped = timeout(Duration::from_millis(50), store.save(&mut session.clone())).await;
        assert!(dropped.is_err());
        let error = store.load::<i32>(session.id()).await.unwrap_err();
        assert!(
            error.is_unavailable() && !error.is_outcome_unknown(),
            "{error}"
        );
        assert!(error.to_string().contains("call_timeout"), "{error}");

        assert!(store.load::<i32>(session.id()).await.unwrap().is_some());
        assert_eq!(store.save(&mut session).await.unwrap(), SaveOutcome::Saved);
    });
}

#[test]
fn save_to_frozen_server_has_unknown_outcome() {
    run(async |database| {
        let store = builder(database).call_timeout(CALL_TIMEOUT);
        let store = store.pool_size(2).connect().await.unwrap();
        let mut session = create(&store, 1).await;
        let saved = store.save(&mut session).await.unwrap();
        assert_eq!(saved, SaveOutcome::Saved);
        let _frozen = match outside(|| Frozen::connections_of(database)) {
            Ok(frozen) => frozen,
            Err(reason) => return skip(&reason),
        };
        session.data = 2;
        let error = store.save(&mut session).await.unwrap_err();
        assert!(
            error.is_unavailable() && error.is_outcome_unknown(),
            "{error}"
        );
        // On another connection. The frozen process has executed nothing.
        assert_eq!(store.save(&mut session).await.unwrap(), SaveOutcome::Saved);
    });
}

#[test]
fn pool_works_with_connections_that_server_accepts() {
    run_on(&TestDatabase::direct(), async |database| {
        let limit = |connections: u32| {
            let role = quoted(&database.role);
            execute(
                database,
                &format!("alter role {role} connection limit {connections}"),
            );
        };
        limit(3);
        let store = builder(database).pool_size(8).connect().await.unwrap();
        // One connection for changes is open.
        create(&store, 0).await;
        let tasks = (0..16).map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0..10 {
                    let session = create(&store, number).await;
                    let found = store.load::<i32>(session.id()).await.unwrap();
                    assert_eq!(found.unwrap().data, number);
                    assert!(store.end(session.id()).await.unwrap());
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}
