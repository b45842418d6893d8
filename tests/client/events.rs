//! Notifications of ended sessions.

use std::sync::mpsc;
use std::time::Duration;

use crate::support::server::quoted;
use crate::support::test_database::{TestDatabase, create};
use connect_pg::{
    EndReason, RotateOutcome, SessionAttributes, SessionEvent, SessionListener, Store,
};
use uuid::Uuid;

/// A name that works only if it is quoted correctly.
const CHANNEL: &str = "Ended \"sessions\"; drop schema";
/// Long enough to mean "until the event comes".
const PATIENCE: Duration = Duration::from_mins(5);

fn turn_on(database: &TestDatabase) {
    set_channel(database, Some(CHANNEL));
}

fn set_channel(database: &TestDatabase, channel: Option<&str>) {
    database
        .superuser()
        .execute("update web.settings set notify_channel = $1", &[&channel])
        .unwrap();
}

/// Waits for the next event, and returns handle and reason of the ended session.
fn ended(listener: &mut SessionListener) -> (Option<Uuid>, EndReason) {
    match listener.recv_timeout(PATIENCE).unwrap() {
        Some(SessionEvent::Ended(ended)) => (ended.handle(), ended.reason()),
        other => panic!("{other:?}"),
    }
}

fn login(store: &Store) -> connect_pg::Session<()> {
    let new = SessionAttributes::new().user_id("4711").max_sessions(2);
    store.create((), &new).unwrap()
}

#[test]
fn listen_without_channel_error_names_configure() {
    let database = TestDatabase::direct();
    let error = database.store().listen().unwrap_err();
    assert!(error.is_notifications_off() && !error.is_unavailable());
    assert!(
        error
            .to_string()
            .contains("session-admin configure notify_channel="),
        "{error}"
    );
}

#[test]
fn each_end_sends_event_with_its_reason() {
    let database = TestDatabase::direct();
    turn_on(&database);
    let store = database.store();
    let mut listener = store.listen().unwrap();

    let session = create(&store, ());
    assert!(store.end(session.id()).unwrap());
    assert_eq!(ended(&mut listener), (session.handle(), EndReason::Logout));

    let session = login(&store);
    let handle = session.handle().unwrap();
    assert!(store.end_user_session("4711", handle).unwrap());
    assert_eq!(ended(&mut listener), (Some(handle), EndReason::Revoked));

    let sessions = [(); 3].map(|()| login(&store));
    assert_eq!(
        ended(&mut listener),
        (sessions[0].handle(), EndReason::Evicted)
    );
    assert_eq!(store.end_user_sessions("4711", None).unwrap(), 2);
    let mut both = [ended(&mut listener), ended(&mut listener)];
    let mut expected = [1, 2].map(|n| (sessions[n].handle(), EndReason::Revoked));
    both.sort_by_key(|(handle, _)| *handle);
    expected.sort_by_key(|(handle, _)| *handle);
    assert_eq!(both, expected);

    let mut session = login(&store);
    let handle = session.handle();
    let _ = store.logout(&mut session).unwrap();
    assert_eq!(ended(&mut listener), (handle, EndReason::Logout));

    // A rotation of the same user sends no event. A login does: a web socket of the anonymous session may belong to another
    // visitor, so it must be authorized again.
    let mut session = create(&store, ());
    let handle = session.handle();
    let _ = store.rotate(&mut session, Duration::ZERO).unwrap();
    assert_eq!(
        store
            .login(&mut session, "alice", &SessionAttributes::new())
            .unwrap(),
        RotateOutcome::Rotated
    );
    assert_eq!(ended(&mut listener), (handle, EndReason::Rotated));
    assert_eq!(
        store
            .login(&mut session, "bob", &SessionAttributes::new())
            .unwrap(),
        RotateOutcome::Rotated
    );
    assert_eq!(ended(&mut listener), (handle, EndReason::Logout));
    assert_ne!(store.info(session.id()).unwrap().handle(), handle);
    assert_eq!(session.handle(), None);

    let session = create(&store, ());
    database
        .superuser()
        .execute(
            "update web.session set expires_at = now() - interval '1 day', slide_at = '-infinity',
                 prune_after = now() - interval '1 day' where handle = $1",
            &[&session.handle()],
        )
        .unwrap();
    while store.prune(1000).unwrap().deleted() == 0 {}
    assert_eq!(ended(&mut listener), (session.handle(), EndReason::Expired));

    database
        .superuser()
        .execute("select web.end_all_sessions()", &[])
        .unwrap();
    assert_eq!(ended(&mut listener), (None, EndReason::Revoked));
    assert_eq!(listener.recv_timeout(Duration::ZERO).unwrap(), None);
    assert!(format!("{listener:?}").contains("channel"));
}

#[test]
fn rolled_back_end_sends_no_event() {
    let database = TestDatabase::direct();
    turn_on(&database);
    let store = database.store();
    let mut listener = store.listen().unwrap();
    let (lost, kept) = (create(&store, ()), create(&store, ()));
    let mut client = database.client();
    let mut transaction = client.transaction().unwrap();
    assert!(Store::on(&mut transaction).end(lost.id()).unwrap());
    transaction.rollback().unwrap();
    assert!(store.end(kept.id()).unwrap());
    assert_eq!(ended(&mut listener), (kept.handle(), EndReason::Logout));
}

#[test]
fn foreign_notifications_are_ignored() {
    let database = TestDatabase::direct();
    turn_on(&database);
    let store = database.store();
    let mut listener = store.listen().unwrap();
    for payload in ["", "no JSON", "{}", r#"{"handle":"x","reason":"logout"}"#] {
        database
            .client()
            .execute("select pg_notify($1, $2)", &[&CHANNEL, &payload])
            .unwrap();
    }
    let session = create(&store, ());
    assert!(store.end(session.id()).unwrap());
    assert_eq!(ended(&mut listener), (session.handle(), EndReason::Logout));
}

// Without an event in between, it pauses before all but the first.
#[test]
fn connection_that_is_lost_again_and_again_is_replaced_each_time() {
    let database = TestDatabase::direct();
    turn_on(&database);
    let store = database.store();
    let mut listener = store.listen().unwrap();
    for _ in 0..4 {
        database.terminate_connections();
        assert_eq!(
            listener.recv_timeout(PATIENCE).unwrap(),
            Some(SessionEvent::Lagged)
        );
    }
    let session = create(&store, ());
    assert!(store.end(session.id()).unwrap());
    assert_eq!(ended(&mut listener), (session.handle(), EndReason::Logout));
}

#[test]
fn lost_connection_is_replaced_and_reported() {
    let database = TestDatabase::direct();
    turn_on(&database);
    let store = database.store();
    let mut listener = store.listen().unwrap();
    for _ in 0..2 {
        let before = create(&store, ());
        assert!(store.end(before.id()).unwrap());
        assert_eq!(ended(&mut listener), (before.handle(), EndReason::Logout));
        database.terminate_connections();
        assert!(store.end(create(&store, ()).id()).unwrap());
        assert_eq!(
            listener.recv_timeout(PATIENCE).unwrap(),
            Some(SessionEvent::Lagged)
        );
    }
    // While no connection is possible, each wait returns an error, and the listener stays usable.
    let limit = |connections: i32| {
        database
            .superuser()
            .batch_execute(&format!(
                "alter database {} connection limit {connections}",
                quoted(&database.name)
            ))
            .unwrap();
    };
    limit(0);
    database.terminate_connections();
    for wait in [Duration::ZERO, Duration::from_millis(300), Duration::ZERO] {
        let error = listener.recv_timeout(wait).unwrap_err();
        assert!(error.is_unavailable(), "{error}");
    }
    limit(-1);
    assert_eq!(
        listener.recv_timeout(Duration::ZERO).unwrap(),
        Some(SessionEvent::Lagged)
    );

    // A new connection listens on the new channel. Without a channel it returns an error.
    set_channel(&database, Some("another"));
    database.terminate_connections();
    assert_eq!(
        listener.recv_timeout(PATIENCE).unwrap(),
        Some(SessionEvent::Lagged)
    );
    let session = create(&store, ());
    assert!(store.end(session.id()).unwrap());
    assert_eq!(ended(&mut listener), (session.handle(), EndReason::Logout));
    set_channel(&database, None);
    database.terminate_connections();
    let error = listener.recv_timeout(PATIENCE).unwrap_err();
    assert!(error.is_notifications_off(), "{error}");
    turn_on(&database);
    assert_eq!(
        listener.recv_timeout(PATIENCE).unwrap(),
        Some(SessionEvent::Lagged)
    );
}

#[test]
fn listener_thread_delivers_events_until_dropped() {
    let database = TestDatabase::direct();
    turn_on(&database);
    let store = database.builder().pool_size(1).connect().unwrap();
    let (sender, events) = mpsc::channel();
    let mut panics = true;
    let watcher = store
        .listen()
        .unwrap()
        .spawn(move |event| {
            sender.send(event).unwrap();
            // The thread continues after a panic of the callback.
            assert!(!std::mem::take(&mut panics), "a panic of the callback");
        })
        .unwrap();
    for _ in 0..2 {
        let session = create(&store, ());
        assert!(store.end(session.id()).unwrap());
        match events.recv_timeout(PATIENCE).unwrap().unwrap() {
            SessionEvent::Ended(ended) => assert_eq!(ended.handle(), session.handle()),
            other => panic!("{other:?}"),
        }
    }
    database.terminate_connections();
    assert_eq!(
        events.recv_timeout(PATIENCE).unwrap().unwrap(),
        SessionEvent::Lagged
    );
    drop(watcher);
    assert!(store.end(create(&store, ()).id()).unwrap());
    drop(store);
    database.wait_until_disconnected();
    assert!(events.recv().is_err(), "nothing came after the drop");
}

#[test]
fn listener_thread_drops_itself_in_callback() {
    let database = TestDatabase::direct();
    turn_on(&database);
    let store = database.store();
    let (give, take) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let watcher = store
        .listen()
        .unwrap()
        .spawn(move |_| {
            drop::<connect_pg::ListenerThread>(take.recv().unwrap());
            tell.send(()).unwrap();
        })
        .unwrap();
    give.send(watcher).unwrap();
    assert!(store.end(create(&store, ()).id()).unwrap());
    told.recv_timeout(PATIENCE).unwrap();
    drop(store);
    database.wait_until_disconnected();
}

#[test]
fn listen_in_task_is_refused_and_drop_is_safe() {
    let database = TestDatabase::direct();
    turn_on(&database);
    let store = database.store();
    let mut listener = store.listen().unwrap();
    let watcher = store.listen().unwrap().spawn(|_| ()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        assert!(store.listen().unwrap_err().is_async_context());
        assert!(
            listener
                .recv_timeout(Duration::ZERO)
                .unwrap_err()
                .is_async_context()
        );
        drop((listener, watcher));
        let elsewhere = store.clone();
        tokio::task::spawn_blocking(move || {
            let mut listener = elsewhere.listen().unwrap();
            let session = create(&elsewhere, ());
            assert!(elsewhere.end(session.id()).unwrap());
            assert_eq!(ended(&mut listener), (session.handle(), EndReason::Logout));
        })
        .await
        .unwrap();
        drop(store);
    });
    database.wait_until_disconnected();
}
