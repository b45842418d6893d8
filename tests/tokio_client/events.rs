//! Notifications of ended sessions, as a stream.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use super::{connect, create, execute, outside, run_on};
use crate::support::server::quoted;
use crate::support::test_database::TestDatabase;
use connect_pg::tokio::{SessionListener, Store};
use connect_pg::{EndReason, SessionEvent};
use futures_core::Stream;
use tokio::time::timeout;
use uuid::Uuid;

/// A name that works only if it is quoted correctly.
const TURN_ON: &str = "update web.settings set notify_channel = 'Ended \"sessions\"; drop schema'";
/// Long enough to mean "until the event comes".
const PATIENCE: Duration = Duration::from_mins(5);

async fn next(listener: &mut SessionListener) -> Result<SessionEvent, connect_pg::Error> {
    timeout(PATIENCE, listener.recv()).await.unwrap()
}

/// Waits for the next event, and returns handle and reason of the ended session.
async fn ended(listener: &mut SessionListener) -> (Option<Uuid>, EndReason) {
    match next(listener).await.unwrap() {
        SessionEvent::Ended(ended) => (ended.handle(), ended.reason()),
        other => panic!("{other:?}"),
    }
}

/// Ends a new session. Returns its handle.
async fn end_one(store: &Store) -> Option<Uuid> {
    let session = create(store, ()).await;
    assert!(store.end(session.id()).await.unwrap());
    session.handle()
}

#[test]
fn listen_without_channel_is_an_error() {
    run_on(&TestDatabase::direct(), async |database| {
        let error = connect(database).await.listen().await.unwrap_err();
        assert!(error.is_notifications_off(), "{error}");
    });
}

#[test]
fn stream_returns_each_ended_session() {
    run_on(&TestDatabase::direct(), async |database| {
        execute(database, TURN_ON);
        let store = connect(database).await;
        let mut listener = store.listen().await.unwrap();
        for _ in 0..3 {
            let handle = end_one(&store).await;
            assert_eq!(ended(&mut listener).await, (handle, EndReason::Logout));
        }
        let handle = end_one(&store).await;
        let item = poll_fn(|context| Pin::new(&mut listener).poll_next(context));
        let item = timeout(PATIENCE, item).await.unwrap().unwrap().unwrap();
        assert!(matches!(item, SessionEvent::Ended(ended) if ended.handle() == handle));
        execute(database, "select web.end_all_sessions()");
        assert_eq!(ended(&mut listener).await, (None, EndReason::Revoked));
        // A future that is dropped loses no event.
        assert!(
            timeout(Duration::from_millis(1), listener.recv())
                .await
                .is_err()
        );
        let handle = end_one(&store).await;
        assert_eq!(ended(&mut listener).await, (handle, EndReason::Logout));

        drop(listener);
        drop(store);
        outside(|| database.wait_until_disconnected());
    });
}

// Without an event in between, it pauses before all but the first.
#[test]
fn connection_that_is_lost_again_and_again_is_replaced_each_time() {
    run_on(&TestDatabase::direct(), async |database| {
        execute(database, TURN_ON);
        let store = connect(database).await;
        let mut listener = store.listen().await.unwrap();
        for _ in 0..4 {
            outside(|| database.terminate_connections());
            assert_eq!(next(&mut listener).await.unwrap(), SessionEvent::Lagged);
        }
        let handle = end_one(&store).await;
        assert_eq!(ended(&mut listener).await, (handle, EndReason::Logout));
    });
}

#[test]
fn lost_connection_is_replaced_and_reported() {
    run_on(&TestDatabase::direct(), async |database| {
        execute(database, TURN_ON);
        let store = connect(database).await;
        let mut listener = store.listen().await.unwrap();
        for _ in 0..2 {
            outside(|| database.terminate_connections());
            assert_eq!(next(&mut listener).await.unwrap(), SessionEvent::Lagged);
            let handle = end_one(&store).await;
            assert_eq!(ended(&mut listener).await, (handle, EndReason::Logout));
        }
        let limit = |connections: i32| {
            let name = quoted(&database.name);
            execute(
                database,
                &format!("alter database {name} connection limit {connections}"),
            );
        };
        limit(0);
        outside(|| database.terminate_connections());
        for _ in 0..2 {
            let error = next(&mut listener).await.unwrap_err();
            assert!(error.is_unavailable(), "{error}");
        }
        limit(-1);
        while let Err(error) = next(&mut listener).await {
            assert!(error.is_unavailable(), "{error}");
        }
        let handle = end_one(&store).await;
        assert_eq!(ended(&mut listener).await, (handle, EndReason::Logout));

        execute(database, "update web.settings set notify_channel = null");
        outside(|| database.terminate_connections());
        let error = next(&mut listener).await.unwrap_err();
        assert!(error.is_notifications_off(), "{error}");
        execute(database, TURN_ON);
        while let Err(error) = next(&mut listener).await {
            assert!(error.is_notifications_off(), "{error}");
        }
        let handle = end_one(&store).await;
        assert_eq!(ended(&mut listener).await, (handle, EndReason::Logout));
    });
}
