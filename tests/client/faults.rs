//! A server that does not answer: each call ends with an error that tells what is known, and the next one works.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::assert_unavailable;
use crate::support::case::case;
use crate::support::frozen::Frozen;
use crate::support::proxy::Proxy;
use crate::support::server::quoted;
use crate::support::skip::skip;
use crate::support::test_database::{TestDatabase, create};
use crate::support::wait::wait_until;
use connect_pg::{Error, PruneOptions, SaveOutcome, Session, Store, StoreBuilder};
use postgres::error::SqlState;

/// Long enough for a busy machine, and short enough to wait for.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// Longer than any test.
const LONG: Duration = Duration::from_hours(1);

fn connect(builder: StoreBuilder) -> Store {
    let builder = builder.call_timeout(CALL_TIMEOUT).pool_size(1);
    builder.connect().unwrap()
}

type Call = fn(&Store, &mut Session<i32>) -> Result<(), Error>;

fn load(store: &Store, session: &mut Session<i32>) -> Result<(), Error> {
    store.load::<i32>(session.id()).map(drop)
}

fn save(store: &Store, session: &mut Session<i32>) -> Result<(), Error> {
    session.data += 1;
    let saved = store.save(session)?;
    assert_eq!(saved, SaveOutcome::Saved);
    Ok(())
}

fn with_locked(store: &Store, session: &mut Session<i32>) -> Result<(), Error> {
    let lock_timeout = Duration::from_millis(1);
    let work = |session: &mut Session<i32>| {
        session.data += 1;
        Ok(())
    };
    store
        .with_locked(session.id(), lock_timeout, work)
        .map(drop)
}

/// Each call, and whether it changes something when it is sent.
const CALLS: [(&str, Call, bool); 3] = [
    ("load", load, false),
    ("save", save, true),
    // Its change would come later, in the transaction that cannot begin.
    ("with_locked", with_locked, false),
];

#[test]
fn call_to_frozen_server_ends_and_next_call_works() {
    let database = TestDatabase::new();
    for (name, call, changes) in CALLS {
        case(name, || {
            let store = connect(database.builder());
            let mut session = create(&store, 1);
            // Its statement is prepared.
            call(&store, &mut session).unwrap();
            let _frozen = match Frozen::connections_of(&database) {
                Ok(frozen) => frozen,
                Err(reason) => return skip(&reason),
            };
            let error = call(&store, &mut session).unwrap_err();
            assert!(error.is_unavailable() && error.code().is_none(), "{error}");
            assert_eq!(error.is_outcome_unknown(), changes, "{error}");
            assert!(error.to_string().contains("call_timeout"), "{error}");

            let found = store.load::<i32>(session.id()).unwrap();
            assert!(found.is_some());
        });
    }
}

#[test]
fn call_through_silent_network_ends_and_next_call_works() {
    let database = TestDatabase::new();
    for (name, call, changes) in CALLS {
        case(name, || {
            let proxy = Proxy::to(&database);
            let mut config = proxy.config(&database);
            config.connect_timeout(CALL_TIMEOUT);
            let store = connect(Store::builder().config(config));
            let mut session = create(&store, 1);
            call(&store, &mut session).unwrap();
            proxy.set_silent(true);
            let error = call(&store, &mut session).unwrap_err();
            assert!(error.is_unavailable(), "{error}");
            assert_eq!(error.is_outcome_unknown(), changes, "{error}");

            // The login gets no reply.
            let error = call(&store, &mut session).unwrap_err();
            assert_unavailable(&error);

            proxy.set_silent(false);
            assert!(store.load::<i32>(session.id()).unwrap().is_some());
        });
    }
}

#[test]
fn call_to_locked_table_ends_without_change() {
    let database = TestDatabase::direct();
    let store = connect(database.builder());
    let mut session = create(&store, 1);
    let mut superuser = database.superuser();
    let mut transaction = superuser.transaction().unwrap();
    transaction
        .batch_execute("lock table web.session in access exclusive mode")
        .unwrap();
    for call in [load, save] {
        // The server ends the statement before the client gives up.
        let error = call(&store, &mut session).unwrap_err();
        assert_unavailable(&error);
        assert_eq!(error.code(), Some(SqlState::QUERY_CANCELED.code()));
    }
    transaction.rollback().unwrap();
    assert_eq!(store.load::<i32>(session.id()).unwrap().unwrap().data, 1);
}

#[test]
fn lock_timeout_tells_table_from_session() {
    let database = TestDatabase::new();
    let mut superuser = database.superuser();
    superuser
        .batch_execute(&format!(
            "alter role {} in database {} set lock_timeout = '50ms'",
            quoted(&database.role),
            quoted(&database.name)
        ))
        .unwrap();
    let store = database.store();
    let mut session = create(&store, 1);
    let mut transaction = superuser.transaction().unwrap();
    transaction
        .batch_execute("lock table web.session in access exclusive mode")
        .unwrap();
    let error = load(&store, &mut session).unwrap_err();
    assert_unavailable(&error);
    assert_eq!(error.code(), Some(SqlState::LOCK_NOT_AVAILABLE.code()));
    assert!(!error.is_locked(), "{error}");
    assert!(error.to_string().contains("table"), "{error}");
    transaction.rollback().unwrap();

    let mut transaction = superuser.transaction().unwrap();
    transaction
        .execute("select from web.session for update", &[])
        .unwrap();
    let error = save(&store, &mut session).unwrap_err();
    assert!(error.is_locked() && !error.is_unavailable(), "{error}");
}

#[test]
fn timeouts_of_role_and_connection_string_stay() {
    let database = TestDatabase::direct();
    let mut superuser = database.superuser();
    // It reports the settings of the caller's connection as an error.
    database.replace_touch(
        "raise '% %', current_setting('statement_timeout'), current_setting('lock_timeout');",
    );
    let session = create(&database.store(), 1);
    let reported = |url: &str| {
        let store = Store::builder().database_url(url).call_timeout(LONG);
        let error = store.connect().unwrap().touch(session.id()).unwrap_err();
        error.to_string()
    };
    let url = database.url();
    // A second less than the call's. The lock timeout is that of the install.
    let found = reported(&url);
    assert!(found.contains("3599s 10s"), "{found}");
    let found = reported(&format!("{url} options='-c statement_timeout=5s'"));
    assert!(found.contains("5s 10s"), "{found}");
    superuser
        .batch_execute(&format!(
            "alter role {} set statement_timeout = '7s'; alter role {0} in database {} reset lock_timeout",
            quoted(&database.role),
            quoted(&database.name)
        ))
        .unwrap();
    let found = reported(&url);
    assert!(found.contains("7s 10s"), "{found}");
}

#[test]
fn pool_works_with_connections_that_server_accepts() {
    let database = TestDatabase::direct();
    let mut superuser = database.superuser();
    superuser
        .batch_execute(&format!(
            "alter role {} connection limit 2",
            quoted(&database.role)
        ))
        .unwrap();
    let store = database.builder().pool_size(8).connect().unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut session = create(&store, 0);
                for _ in 0..10 {
                    for (name, call, _) in &CALLS[..2] {
                        case(name, || call(&store, &mut session).unwrap());
                        let found = store.load(session.id()).unwrap();
                        session = found.expect("a live session");
                    }
                }
            });
        }
    });
}

#[test]
fn pool_without_connection_returns_refusal_of_server() {
    let database = TestDatabase::direct();
    let mut superuser = database.superuser();
    superuser
        .batch_execute(&format!(
            "alter role {} connection limit 0",
            quoted(&database.role)
        ))
        .unwrap();
    let store = database.builder().pool_size(4).build().unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let error = store.count().unwrap_err();
                assert_unavailable(&error);
                assert_eq!(error.code(), Some(SqlState::TOO_MANY_CONNECTIONS.code()));
            });
        }
    });
}

#[test]
fn error_of_busy_pool_tells_what_connections_are_in_use_for() {
    let database = TestDatabase::new();
    let proxy = Proxy::to(&database);
    let store = proxy.builder(&database).call_timeout(CALL_TIMEOUT);
    let store = store.pool_size(1).pool_timeout(Duration::from_millis(20));
    let store = store.connect().unwrap();
    let session = create(&store, 1);
    let busy = || store.count().unwrap_err().to_string();

    let work = |_: &mut Session<i32>| -> Result<(), Error> {
        let error = thread::scope(|scope| scope.spawn(busy).join().unwrap());
        assert!(error.contains("1 of them are in closures"), "{error}");
        Ok(())
    };
    let lock_timeout = Duration::from_millis(10);
    let outcome = store.with_locked(session.id(), lock_timeout, work);
    assert!(outcome.unwrap().updated().is_some());

    proxy.set_silent(true);
    let sent = proxy.round_trips();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| store.count().unwrap_err());
        wait_until("a call is under way", || proxy.round_trips() > sent);
        let error = busy();
        assert!(error.contains("all wait for replies"), "{error}");
        assert_unavailable(&waiting.join().unwrap());
    });
}

#[test]
fn drop_of_pruner_does_not_wait_for_server() {
    let database = TestDatabase::new();
    let proxy = Proxy::to(&database);
    // Shorter than the longest drop.
    let call_timeout = Duration::from_secs(4);
    let store = proxy.builder(&database).call_timeout(call_timeout);
    let store = store.pool_size(1).connect().unwrap();
    let (sender, runs) = mpsc::channel();
    let options = PruneOptions::new()
        .interval(Duration::from_millis(1))
        .on_run(move |run| sender.send(run.error().is_some()).unwrap());
    let pruner = store.start_pruning(options).unwrap();
    assert!(!runs.recv().unwrap());
    proxy.set_silent(true);
    let sent = proxy.round_trips();
    wait_until("a batch is under way", || proxy.round_trips() > sent);
    while runs.try_recv().is_ok() {}
    drop(pruner);
    assert!(runs.try_recv().is_err(), "the drop waited for the run");
}

#[test]
fn pruner_counts_failures_and_warns_without_callback() {
    let database = TestDatabase::new();
    let store = database.store();
    let mut superuser = database.superuser();
    superuser
        .batch_execute("alter function web.prune_sessions(integer) rename to elsewhere")
        .unwrap();
    let options = PruneOptions::new().interval(Duration::from_millis(1));
    let pruner = store.start_pruning(options).unwrap();
    wait_until("two runs failed", || pruner.failures() >= 2);
    superuser
        .batch_execute("alter function web.elsewhere(integer) rename to prune_sessions")
        .unwrap();
    wait_until("a run succeeded", || {
        pruner.failures() == 0 && pruner.last_run().is_some_and(|run| run.error().is_none())
    });
}
