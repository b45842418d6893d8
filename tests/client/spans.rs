//! What the client reports of its calls by the crate `tracing`.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use connect_pg::{
    Error, PruneOptions, SaveOutcome, Session, SessionAttributes, SessionEvent, SessionId, Store,
};
use serde_json::json;

use crate::support::captured::{Captured, Span};
use crate::support::proxy::Proxy;
use crate::support::server::random;
use crate::support::test_database::{TestDatabase, create, updated};
use crate::support::wait::wait_until;

const LONG: Duration = Duration::from_mins(5);

/// Connects with one connection, which makes each call by itself.
fn single(database: &TestDatabase) -> Store {
    let builder = database.builder().pool_size(1).group_calls(false);
    builder.connect().unwrap()
}

/// Fails the test unless these are the calls since the last time, in this order: by themselves, and at the first attempt.
#[track_caller]
fn assert_single_calls(captured: &Captured, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(function, outcome)| (*function, *outcome, "1", "1"))
        .collect();
    assert_calls(captured, &expected);
}

/// Fails the test unless these are the calls since the last time, in this order: function, outcome, attempts and size of the group.
#[track_caller]
fn assert_calls(captured: &Captured, expected: &[(&str, &str, &str, &str)]) {
    let calls = captured.take_calls();
    for call in &calls {
        assert!(call.field("duration").parse::<f64>().unwrap() >= 0.0);
        assert!(
            ["failed", "unknown"].contains(&call.field("outcome"))
                != call.field("error_kind").is_empty()
        );
    }
    let calls: Vec<_> = calls.iter().map(Span::call).collect();
    assert_eq!(calls, expected);
}

#[test]
fn each_call_is_a_span_with_function_and_outcome() {
    let database = TestDatabase::new();
    let store = single(&database);
    let (captured, _guard) = Captured::on_this_thread();
    let mut session = create(&store, 1);
    let id = session.id().clone();
    let mut stale = store.load::<i32>(&id).unwrap().unwrap();
    session.data = 2;
    assert_eq!(store.save(&mut session).unwrap(), SaveOutcome::Saved);
    stale.data = 3;
    assert_eq!(store.save(&mut stale).unwrap(), SaveOutcome::Conflict);
    assert_single_calls(
        &captured,
        &[
            ("create_session", "created"),
            ("load_session_value", "done"),
            ("save_session", "saved"),
            ("save_session", "conflict"),
        ],
    );

    let work = |session: &mut Session<i32>| {
        session.data = 4;
        Ok::<_, Error>(())
    };
    updated(store.with_locked(&id, LONG, work));
    let failing =
        |_: &mut Session<i32>| Err::<(), _>(Error::from("x".parse::<SessionId>().unwrap_err()));
    store.with_locked(&id, LONG, failing).unwrap_err();
    assert_single_calls(
        &captured,
        &[
            ("lock_session", "done"),
            ("save_session", "saved"),
            ("commit", "done"),
            ("lock_session", "done"),
        ],
    );

    assert!(store.touch(&id).unwrap().is_some());
    assert!(store.end(&id).unwrap());
    assert!(!store.end(&id).unwrap());
    assert!(store.touch(&id).unwrap().is_none());
    assert!(store.load::<i32>(&id).unwrap().is_none());
    assert_single_calls(
        &captured,
        &[
            ("touch_session", "done"),
            ("end_session", "done"),
            ("end_session", "none"),
            ("touch_session", "none"),
            ("load_session_value", "none"),
        ],
    );
    assert!(captured.events().is_empty());
}

#[test]
fn call_on_borrowed_connection_is_a_span() {
    let database = TestDatabase::new();
    let mut client = database.client();
    let (captured, _guard) = Captured::on_this_thread();
    let store = Store::on(&mut client);
    let session = store.create(1, &SessionAttributes::new()).unwrap();
    let work = |_: &mut Session<i32>| Ok::<_, Error>(());
    updated(store.with_locked(session.id(), LONG, work));
    assert_single_calls(
        &captured,
        &[
            ("create_session", "created"),
            ("lock_session", "done"),
            ("save_session", "saved"),
            ("commit", "done"),
        ],
    );
}

#[test]
fn lost_connection_is_an_event_and_its_call_has_two_attempts() {
    let database = TestDatabase::new();
    let store = single(&database);
    let id = create(&store, 1).id().clone();
    let (captured, _guard) = Captured::on_this_thread();
    // Unseen until the next call.
    database.terminate_connections();
    assert!(store.load::<i32>(&id).unwrap().is_some());
    let calls = captured.take_calls();
    let events = captured.events();
    assert_eq!(calls.len(), 1);
    assert_eq!(
        (calls[0].field("outcome"), calls[0].field("function")),
        ("done", "load_session_value")
    );
    // The pool may have found out before it sent the call.
    let repeats: usize = calls[0].field("attempts").parse().unwrap();
    assert_eq!(events.len() + 1, repeats, "{events:?}");

    let proxy = Proxy::to(&database);
    // The reply that is lost is not that of a preparation.
    let builder = proxy.builder(&database).prepare_statements(false);
    let store = builder.pool_size(1).group_calls(false).connect().unwrap();
    assert!(store.load::<i32>(&id).unwrap().is_some());
    captured.take_calls();
    proxy.lose_next_reply();
    assert!(store.load::<i32>(&id).unwrap().is_some());
    assert_calls(&captured, &[("load_session_value", "done", "2", "1")]);
    let lost = captured.events().pop().unwrap();
    assert_eq!(
        (lost.level.as_str(), lost.field("error_kind")),
        ("WARN", "Unavailable"),
        "{lost:?}"
    );

    proxy.lose_next_reply();
    proxy.refuse();
    assert!(store.end(&id).unwrap_err().is_outcome_unknown());
    let end = captured.take_calls().pop().unwrap();
    assert_eq!(end.call(), ("end_session", "unknown", "2", "1"));
    assert_eq!(end.field("error_kind"), "Unavailable");
    assert_eq!(end.field("sqlstate"), "");
}

#[test]
fn group_and_its_calls_have_the_size_of_the_group() {
    let database = TestDatabase::new();
    let builder = database.builder().pool_size(1).group_calls(true);
    let store = builder.connect().unwrap();
    let busy = create(&store, 0).id().clone();
    let ids: Vec<_> = (0..5).map(|n| create(&store, n).id().clone()).collect();
    let captured = Captured::default();
    thread::scope(|scope| {
        let work = |_: &mut Session<i32>| {
            for (at, id) in ids.iter().enumerate() {
                let (store, captured) = (&store, captured.clone());
                scope.spawn(move || {
                    tracing::subscriber::with_default(captured, || {
                        assert!(store.load::<i32>(id).unwrap().is_some());
                    });
                });
                wait_until("the load waits for the connection", || {
                    store.pool_status().waiting as usize == at + 1
                });
            }
            Ok::<_, Error>(())
        };
        updated(store.with_locked(&busy, LONG, work));
    });
    let mut calls = captured.take_calls();
    calls.sort_by_key(|call| call.field("function").to_owned());
    let calls: Vec<_> = calls.iter().map(Span::call).collect();
    let mut expected = vec![("load_session_value", "done", "1", "5"); 5];
    expected.push(("load_sessions", "done", "1", "5"));
    assert_eq!(calls, expected);
}

/// Fails the test if a text shows one of these.
#[track_caller]
fn assert_hides(text: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
}

#[test]
fn spans_and_events_hide_ids_keys_data_users_and_passwords() {
    let (captured, _guard) = Captured::on_this_thread();
    let secret = random();
    let database = TestDatabase::new();
    let store = single(&database);
    let new = SessionAttributes::new()
        .user_id(format!("u{secret}"))
        .user_agent(format!("a{secret}"))
        .label(format!("l{secret}"));
    let mut session = store.create(json!({"data": secret}), &new).unwrap();
    let id = session.id().clone();
    store.load::<serde_json::Value>(&id).unwrap();
    store.user_sessions(&format!("u{secret}")).unwrap();
    session.data = json!([secret]);
    assert_eq!(store.save(&mut session).unwrap(), SaveOutcome::Saved);
    let work = |session: &mut Session<serde_json::Value>| {
        session.data = json!([secret, 1]);
        Ok::<_, Error>(())
    };
    updated(store.with_locked(&id, LONG, work));
    let after = store.login_or_create(Some(&id), &format!("u{secret}"), &new, || json!(secret));
    let other = after.unwrap().id().clone();

    // Errors: of the client, of the server, with the row in its DETAIL, of the login, and of the network.
    store.load::<u8>(&other).unwrap_err();
    session.data = json!(secret.repeat(100_000));
    store.save(&mut session).unwrap_err();
    let refuse_all = "alter table web.session add check (version < 0) not valid";
    database.superuser().batch_execute(refuse_all).unwrap();
    store.create(json!(secret), &new).unwrap_err();
    let revoke = format!(
        "revoke execute on all functions in schema web from {}",
        database.role
    );
    database.superuser().batch_execute(&revoke).unwrap();
    store
        .end_user_sessions(&format!("u{secret}"), None)
        .unwrap_err();
    let wrong = database
        .url()
        .replace(&database.password, &format!("p{secret}"));
    let unreachable = Store::builder().database_url(&wrong).build().unwrap();
    unreachable.load::<u8>(&other).unwrap_err();
    let proxy = Proxy::to(&database);
    let refused = proxy.builder(&database).build().unwrap();
    proxy.refuse();
    refused.load::<u8>(&other).unwrap_err();

    let text = captured.text();
    for shown in [
        "create_session",
        "login_session",
        "23514",
        "42501",
        "TooLarge",
    ] {
        assert!(text.contains(shown), "{shown} is not in\n{text}");
    }
    let hex = |id: &SessionId| -> String {
        let key = id.key();
        key.as_bytes()
            .iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    };
    assert_hides(
        &text,
        &[
            &secret,
            &database.password,
            &database.url(),
            id.as_cookie_value(),
            other.as_cookie_value(),
            &hex(&id),
            &hex(&other),
            &format!("{:?}", id.key().as_bytes()),
            &format!("{:?}", other.key().as_bytes()),
        ],
    );
}

// On threads of their own, so the subscriber is that of the process.
#[test]
fn failed_run_of_pruner_and_reconnect_of_listener_are_events() {
    let captured = Captured::default();
    tracing::subscriber::set_global_default(captured.clone()).unwrap();
    let database = TestDatabase::direct();
    let store = database.store();
    let set = "select web.configure_store('{\"notify_channel\": \"ended\"}')";
    database.superuser().batch_execute(set).unwrap();
    let (sender, events) = mpsc::channel();
    let listener = store.listen().unwrap();
    let listener = listener.spawn(move |event| {
        let _ = sender.send(event.is_ok_and(|event| event == SessionEvent::Lagged));
    });
    let rename = "alter function web.prune_sessions(integer) rename to elsewhere";
    database.superuser().batch_execute(rename).unwrap();
    let (runs, ended) = mpsc::channel();
    let options = PruneOptions::new()
        .interval(Duration::from_millis(1))
        .on_run(move |run| {
            let _ = runs.send(run.error().is_some());
        });
    let pruner = store.start_pruning(options).unwrap();
    assert!(ended.recv().unwrap());
    drop(pruner);
    database.terminate_connections();
    while !events.recv().unwrap() {}
    drop(listener);

    let events = captured.events();
    let has = |thread: &str, text: &str, field: &str, value: &str| {
        events.iter().any(|event| {
            (event.level.as_str(), event.thread.as_str()) == ("WARN", thread)
                && event.field("message").contains(text)
                && event.field(field) == value
        })
    };
    assert!(
        has("connect-pg pruner", "pruning failed", "sqlstate", "42883"),
        "{events:?}"
    );
    assert!(
        has("connect-pg pruner", "pruning failed", "failures", "1"),
        "{events:?}"
    );
    assert!(
        has("connect-pg listener", "listener lost", "attempts", "0"),
        "{events:?}"
    );
    assert_hides(&captured.text(), &[&database.password, &database.url()]);
}
