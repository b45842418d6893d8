//! What the asynchronous client reports of its calls by the crate `tracing`.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use connect_pg::tokio::Store;
use connect_pg::{Error, PruneOptions, SaveOutcome, Session, SessionAttributes, SessionId};
use serde_json::json;
use tokio::sync::mpsc;

use super::builder;
use crate::support::captured::{Captured, Span};
use crate::support::proxy::Proxy;
use crate::support::server::random;
use crate::support::test_database::{TestDatabase, updated};

const LONG: Duration = Duration::from_mins(5);

/// Runs on this thread only, which is the one that is captured.
fn run(test: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test());
}

fn calls(spans: &[Span]) -> Vec<(&str, &str, &str, &str)> {
    spans.iter().map(Span::call).collect()
}

#[test]
fn each_call_is_a_span_with_function_and_outcome() {
    let database = TestDatabase::new();
    let (captured, _guard) = Captured::on_this_thread();
    run(async || {
        let store = builder(&database).group_calls(false).build().unwrap();
        let mut session = super::create(&store, 1).await;
        let id = session.id().clone();
        let mut stale = store.load::<i32>(&id).await.unwrap().unwrap();
        session.data = 2;
        assert_eq!(store.save(&mut session).await.unwrap(), SaveOutcome::Saved);
        stale.data = 3;
        assert_eq!(store.save(&mut stale).await.unwrap(), SaveOutcome::Conflict);
        let work = async |session: &mut Session<i32>| {
            session.data = 4;
            Ok::<_, Error>(())
        };
        updated(store.with_locked(&id, LONG, work).await);
        assert!(store.end(&id).await.unwrap());
        assert!(store.load::<i32>(&id).await.unwrap().is_none());
        // The future is dropped while it opens a connection or waits for the reply.
        {
            let load = pin!(store.load::<i32>(&id));
            assert!(
                load.poll(&mut Context::from_waker(Waker::noop()))
                    .is_pending()
            );
        }
    });
    let spans = captured.take_calls();
    assert_eq!(
        calls(&spans),
        [
            ("create_session", "created", "1", "1"),
            ("load_session_value", "done", "1", "1"),
            ("save_session", "saved", "1", "1"),
            ("save_session", "conflict", "1", "1"),
            ("lock_session", "done", "1", "1"),
            ("save_session", "saved", "1", "1"),
            ("commit", "done", "1", "1"),
            ("end_session", "done", "1", "1"),
            ("load_session_value", "none", "1", "1"),
            ("load_session_value", "cancelled", "1", "1"),
        ]
    );
    for span in &spans {
        assert!(span.field("duration").parse::<f64>().unwrap() >= 0.0);
    }
}

#[test]
fn group_and_its_calls_have_the_size_of_the_group() {
    let database = TestDatabase::new();
    let (captured, _guard) = Captured::on_this_thread();
    run(async || {
        let store = builder(&database).group_all_calls().build().unwrap();
        let ids = [0, 1, 2].map(|_| SessionId::generate().unwrap());
        // All are polled before the task that leads their group.
        let loads = ids.map(|id| {
            let store = store.clone();
            tokio::spawn(async move { store.load::<i32>(&id).await.unwrap().is_none() })
        });
        for load in loads {
            assert!(load.await.unwrap());
        }
    });
    let mut spans = captured.take_calls();
    spans.sort_by_key(|span| span.field("function").to_owned());
    // A group does not answer for a session that it does not find: the second attempt is the ordinary call.
    let mut expected = vec![("load_session_value", "none", "2", "1"); 3];
    expected.push(("load_sessions", "none", "1", "3"));
    assert_eq!(calls(&spans), expected);
}

#[test]
fn lost_connection_is_an_event_and_its_call_has_two_attempts() {
    let database = TestDatabase::new();
    let proxy = Proxy::to(&database);
    let (captured, _guard) = Captured::on_this_thread();
    run(async || {
        // The reply that is lost is not that of a preparation.
        let builder = super::pool::through(&proxy, &database).prepare_statements(false);
        let store = builder.group_calls(false).build().unwrap();
        let id = super::create(&store, 1).await.id().clone();
        assert!(store.load::<i32>(&id).await.unwrap().is_some());
        captured.take_calls();
        proxy.lose_next_reply();
        assert!(store.load::<i32>(&id).await.unwrap().is_some());
        assert_eq!(
            calls(&captured.take_calls()),
            [("load_session_value", "done", "2", "1")]
        );
        let lost = captured.events().pop().unwrap();
        assert_eq!(
            (lost.level.as_str(), lost.field("error_kind")),
            ("WARN", "Unavailable")
        );
        proxy.lose_next_reply();
        proxy.refuse();
        let error = store.end(&id).await.unwrap_err();
        assert!(error.is_outcome_unknown());
        let end = captured.take_calls();
        assert_eq!(calls(&end), [("end_session", "unknown", "2", "1")]);
    });
}

#[test]
fn spans_and_events_hide_ids_keys_data_users_and_passwords() {
    let (captured, _guard) = Captured::on_this_thread();
    let secret = random();
    let database = TestDatabase::new();
    let mut ids = Vec::new();
    run(async || {
        let store = builder(&database).build().unwrap();
        let user = format!("u{secret}");
        let new = SessionAttributes::new()
            .user_id(&*user)
            .user_agent(format!("a{secret}"))
            .label(format!("l{secret}"));
        let mut session = store.create(json!({"data": secret}), &new).await.unwrap();
        ids.push(session.id().clone());
        store.load::<serde_json::Value>(session.id()).await.unwrap();
        session.data = json!([secret]);
        assert_eq!(store.save(&mut session).await.unwrap(), SaveOutcome::Saved);
        let work = async |session: &mut Session<serde_json::Value>| {
            session.data = json!([secret, 1]);
            Ok::<_, Error>(())
        };
        updated(store.with_locked(session.id(), LONG, work).await);
        let after = store.login_or_create(Some(session.id()), &user, &new, || json!(secret));
        let other = after.await.unwrap().id().clone();
        ids.push(other.clone());

        store.load::<u8>(&other).await.unwrap_err();
        session.data = json!(secret.repeat(100_000));
        store.save(&mut session).await.unwrap_err();
        let refuse_all = "alter table web.session add check (version < 0) not valid";
        execute(&database, refuse_all);
        store.create(json!(secret), &new).await.unwrap_err();
        let wrong = database
            .url()
            .replace(&database.password, &format!("p{secret}"));
        let refused = Store::builder().database_url(&wrong).build().unwrap();
        refused.load::<u8>(&other).await.unwrap_err();

        // The runs of a pruner are in a task.
        execute(
            &database,
            "alter function web.prune_sessions(integer) rename to elsewhere",
        );
        let (runs, mut ended) = mpsc::unbounded_channel();
        let options = PruneOptions::new()
            .interval(Duration::from_millis(1))
            .on_run(move |run| {
                let _ = runs.send(run.error().is_some());
            });
        let pruner = store.start_pruning(options).unwrap();
        assert!(ended.recv().await.unwrap());
        drop(pruner);
    });
    let text = captured.text();
    for shown in [
        "create_session",
        "login_session",
        "23514",
        "TooLarge",
        "pruning failed",
    ] {
        assert!(text.contains(shown), "{shown} is not in\n{text}");
    }
    let mut secrets = vec![secret, database.password.clone(), database.url()];
    for id in &ids {
        let key = id.key();
        let bytes = key.as_bytes();
        secrets.push(id.as_cookie_value().to_owned());
        let hex = bytes
            .iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        secrets.push(hex);
        secrets.push(format!("{bytes:?}"));
    }
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} is in\n{text}");
    }
}

/// Executes SQL as the superuser, on a thread outside of the runtime.
fn execute(database: &TestDatabase, sql: &str) {
    std::thread::scope(|scope| {
        scope.spawn(|| database.superuser().batch_execute(sql).unwrap());
    });
}
