//! Sessions under a lock, and updates of so many clients that some need one.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

use super::assert_unavailable;
use crate::support::proxy::Proxy;
use crate::support::server::quoted;
use crate::support::test_database::{TestDatabase, create, updated};
use crate::support::wait::wait_until;
use connect_pg::{
    Error, ErrorKind, RotateOutcome, SaveOutcome, Session, SessionAttributes, SessionId, Store,
    UpdateOutcome,
};
use postgres::error::SqlState;
use serde::{Deserialize, Serialize};

/// Long enough to mean "until the session is locked".
const PATIENCE: Duration = Duration::from_mins(5);

fn load(store: &Store, id: &SessionId) -> u32 {
    store.load::<u32>(id).unwrap().unwrap().data
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the result of a closure of with_locked"
)]
fn add_one(session: &mut Session<u32>) -> Result<(), Error> {
    session.data += 1;
    Ok(())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the result of a closure of with_locked"
)]
fn change_nothing(_: &mut Session<u32>) -> Result<(), Error> {
    Ok(())
}

/// Locks the session on another thread while `meanwhile` runs on this one.
fn while_locked<R>(store: &Store, id: &SessionId, meanwhile: impl FnOnce() -> R) -> R {
    let (locked, is_locked) = mpsc::channel();
    let (unlock, unlocked) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let holder = scope.spawn(move || {
            store.with_locked(id, PATIENCE, |session: &mut Session<u32>| {
                locked.send(()).unwrap();
                let _ = unlocked.recv();
                session.data += 1;
                Ok::<_, Error>(())
            })
        });
        is_locked.recv().unwrap();
        let result = meanwhile();
        drop(unlock);
        holder.join().unwrap().unwrap().updated().unwrap();
        result
    })
}

#[test]
fn with_locked_saves_change_and_returns_value() {
    let database = TestDatabase::new();
    let store = database.store();
    let id = create(&store, 1).id().clone();
    let before = store.with_locked(&id, PATIENCE, |session: &mut Session<u32>| {
        assert_eq!(session.id(), &id);
        session.data += 1;
        Ok::<_, Error>(session.data - 1)
    });
    assert_eq!(before.unwrap().updated(), Some(1));
    assert_eq!(load(&store, &id), 2);

    let unknown = SessionId::generate().unwrap();
    let result = store.with_locked(&unknown, PATIENCE, |_: &mut Session<u32>| {
        panic!("called without a session")
    });
    assert_eq!(
        result.map_err(|error: Error| error.to_string()),
        Ok(UpdateOutcome::<()>::Gone)
    );
}

#[test]
fn locked_session_is_readable_and_second_lock_times_out() {
    let database = TestDatabase::new();
    let store = database.store();
    let id = create(&store, 1).id().clone();
    while_locked(&store, &id, || {
        assert_eq!(load(&store, &id), 1);
        assert_eq!(store.peek::<u32>(&id).unwrap().unwrap().data, 1);
        assert!(store.touch(&id).unwrap().is_some());
        // Zero means one millisecond, the shortest limit of the server.
        for wait in [Duration::ZERO, Duration::from_millis(50)] {
            let error = store
                .with_locked(&id, wait, |_: &mut Session<u32>| -> Result<(), Error> {
                    panic!("two callers hold the lock")
                })
                .unwrap_err();
            assert!(
                error.is_locked() && !error.is_unavailable() && !error.is_outcome_unknown(),
                "{error}"
            );
            assert_eq!(error.code(), Some(SqlState::LOCK_NOT_AVAILABLE.code()));
        }
    });
    // No connection keeps the lock or the time limit.
    let wait = Duration::from_mins(1);
    for _ in 0..8 {
        updated(store.with_locked(&id, wait, add_one));
    }
    assert_eq!(load(&store, &id), 10);
    let timeout: String = database
        .client()
        .query_one("show lock_timeout", &[])
        .unwrap()
        .get(0);
    assert_eq!(timeout, "10s");
}

#[test]
fn lock_timeout_includes_wait_for_connection() {
    let database = TestDatabase::new();
    let builder = database.builder().pool_size(2).pool_timeout(PATIENCE);
    let store = builder.connect().unwrap();
    let id = create(&store, 1).id().clone();
    thread::scope(|scope| {
        let patient = while_locked(&store, &id, || {
            // It gets no connection, because only one is for such calls.
            let error = store
                .with_locked(&id, Duration::from_millis(20), add_one)
                .unwrap_err();
            assert!(error.is_locked() && !error.is_unavailable(), "{error}");
            assert_eq!((error.kind(), error.code()), (ErrorKind::Locked, None));
            assert!(error.to_string().contains("pool_size"), "{error}");
            let patient = scope.spawn(|| store.with_locked(&id, PATIENCE, add_one));
            wait_until("a call waits for a connection", || {
                store.pool_status().waiting == 1
            });
            patient
        });
        updated(patient.join().unwrap());
    });
    assert_eq!(load(&store, &id), 3);
}

// Otherwise it would wait for the call around it.
#[test]
fn call_under_lock_may_use_other_half_of_pool() {
    let database = TestDatabase::new();
    let store = database.builder().pool_size(2).connect().unwrap();
    let id = create(&store, 1).id().clone();
    let mut other = create(&store, 5);
    updated(
        store.with_locked(&id, PATIENCE, |locked: &mut Session<u32>| {
            other.data += locked.data;
            assert_eq!(store.save(&mut other)?, SaveOutcome::Saved);
            updated(store.with_locked(other.id(), PATIENCE, add_one));
            // Another thread is another caller.
            let refused = thread::scope(|scope| {
                scope
                    .spawn(|| store.with_locked(other.id(), Duration::ZERO, add_one))
                    .join()
                    .unwrap()
            });
            assert!(refused.unwrap_err().is_locked());
            Ok::<_, Error>(())
        }),
    );
    assert_eq!(load(&store, other.id()), 7);
}

#[test]
fn save_and_end_wait_for_lock() {
    let database = TestDatabase::new();
    // Half of the connections are for calls that may wait.
    let store = database.builder().pool_size(6).connect().unwrap();
    let mut session = create(&store, 1);
    let id = session.id().clone();
    let holder = store.clone();
    thread::scope(|scope| {
        let (saved, ended) = while_locked(&holder, &id, || {
            session.data = 7;
            let saved = scope.spawn(|| store.save(&mut session).unwrap());
            database.wait_until_blocked(1);
            let ended = scope.spawn(|| store.end(&id).unwrap());
            database.wait_until_blocked(2);
            (saved, ended)
        });
        // The save finds the change that was made under the lock, or the end if that came first.
        assert!(matches!(
            saved.join().unwrap(),
            SaveOutcome::Conflict | SaveOutcome::Gone
        ));
        assert!(ended.join().unwrap());
    });
    assert!(store.load::<u32>(&id).unwrap().is_none());
}

#[derive(Debug)]
enum Failure {
    Store(Error),
    Declined,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Store(error)
    }
}

#[test]
fn error_or_panic_in_lock_saves_nothing_and_unlocks() {
    let database = TestDatabase::new();
    let store = database.builder().pool_size(1).connect().unwrap();
    let id = create(&store, 1).id().clone();
    let error = store
        .with_locked(&id, PATIENCE, |session: &mut Session<u32>| {
            session.data = 2;
            Err::<(), _>(Failure::Declined)
        })
        .unwrap_err();
    assert!(matches!(error, Failure::Declined), "{error:?}");
    let backend = || {
        let mut superuser = database.superuser();
        superuser
            .query_one(
                "select pid, state from pg_stat_activity where usename = $1",
                &[&database.role],
            )
            .map(|row| (row.get::<_, i32>(0), row.get::<_, String>(1)))
            .unwrap()
    };
    let (pid, state) = backend();
    assert_eq!(state, "idle", "in no transaction");

    let panicked = catch_unwind(AssertUnwindSafe(|| {
        store.with_locked(&id, PATIENCE, |session: &mut Session<u32>| {
            session.data = 3;
            panic!("a panic of the application");
            #[allow(unreachable_code)]
            Ok::<_, Error>(())
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(backend(), (pid, "idle".to_owned()));
    assert_eq!(load(&store, &id), 1);
    assert_eq!(updated(store.update(&id, |n| *n = 4)).data, 4);

    // Data that cannot be stored returns an error of the store.
    let id = create(&store, String::new()).id().clone();
    let error = store
        .with_locked(&id, PATIENCE, |session: &mut Session<String>| {
            session.data = "x".repeat(2 << 20);
            Ok::<_, Failure>(())
        })
        .unwrap_err();
    assert!(matches!(error, Failure::Store(error) if error.is_too_large()));
    assert_eq!(store.load::<String>(&id).unwrap().unwrap().data, "");
}

#[test]
fn with_locked_on_borrowed_client_commits() {
    let database = TestDatabase::new();
    let store = database.store();
    let id = create(&store, 1).id().clone();
    let mut client = database.client();
    let borrowed = Store::on(&mut client);
    updated(borrowed.with_locked(&id, PATIENCE, add_one));
    assert_eq!(load(&store, &id), 2, "committed");
    let error = while_locked(&store, &id, || {
        borrowed
            .with_locked(&id, Duration::from_millis(1), add_one)
            .unwrap_err()
    });
    assert!(error.is_locked(), "{error}");
    // The failed call leaves the connection usable and outside of a transaction.
    updated(borrowed.with_locked(&id, PATIENCE, add_one));
    assert_eq!(load(&store, &id), 4);
    // A second call during the first is refused.
    updated(borrowed.with_locked(&id, PATIENCE, |_: &mut Session<u32>| {
        assert!(borrowed.count().unwrap_err().is_invalid_argument());
        Ok::<_, Error>(())
    }));
}

#[test]
fn with_locked_in_transaction_is_savepoint() {
    let database = TestDatabase::new();
    let store = database.store();
    let id = create(&store, 1).id().clone();
    let mut client = database.client();
    let mut transaction = client.transaction().unwrap();
    let borrowed = Store::on(&mut transaction);
    let created = borrowed.create(1, &SessionAttributes::new()).unwrap();

    // No outcome aborts the transaction.
    let error = while_locked(&store, &id, || {
        borrowed
            .with_locked(&id, Duration::from_millis(1), change_nothing)
            .unwrap_err()
    });
    assert!(error.is_locked(), "{error}");
    let declined = borrowed.with_locked(&id, PATIENCE, |session: &mut Session<u32>| {
        session.data = 7;
        Err::<(), _>(Failure::Declined)
    });
    assert!(matches!(declined, Err(Failure::Declined)));

    updated(
        borrowed.with_locked(&id, PATIENCE, |session: &mut Session<u32>| {
            assert_eq!(session.data, 2);
            session.data = 3;
            Ok::<_, Error>(())
        }),
    );
    // The lock is held until the transaction ends.
    let locked = store.with_locked(&id, Duration::from_millis(1), change_nothing);
    assert!(locked.unwrap_err().is_locked());
    assert_eq!(load(&store, &id), 2);
    transaction.commit().unwrap();
    assert_eq!(load(&store, &id), 3);
    assert_eq!(load(&store, created.id()), 1);
}

type Call = fn(&Store, &mut Session<u32>) -> Result<(), Error>;

#[test]
fn self_deadlock_is_refused() {
    let database = TestDatabase::new();
    let store = database.store();
    let mut session = store
        .create(1, &SessionAttributes::new().user_id("4711"))
        .unwrap();
    let mut other = store
        .create(1, &SessionAttributes::new().user_id("4711"))
        .unwrap();
    let id = session.id().clone();
    session.data = 5;
    // Each of these calls would wait for ever, and the server would see no deadlock.
    let refused: [(&str, Call); 9] = [
        ("save", |store, session| store.save(session).map(drop)),
        ("update", |store, session| {
            store.update(session.id(), |n: &mut u32| *n += 1).map(drop)
        }),
        ("end", |store, session| store.end(session.id()).map(drop)),
        ("rotate", |store, session| {
            store.rotate(session, Duration::ZERO).map(drop)
        }),
        ("login", |store, session| {
            let attributes = SessionAttributes::new();
            store.login(session, "4711", &attributes).map(drop)
        }),
        ("logout", |store, session| store.logout(session).map(drop)),
        ("end_user_sessions", |store, _| {
            store.end_user_sessions("4711", None).map(drop)
        }),
        ("end_user_session", |store, session| {
            let handle = session.handle().unwrap();
            store.end_user_session("4711", handle).map(drop)
        }),
        ("with_locked", |store, session| {
            store
                .with_locked(session.id(), PATIENCE, change_nothing)
                .map(drop)
        }),
    ];
    updated(
        store.with_locked(&id, PATIENCE, |locked: &mut Session<u32>| {
            for (name, call) in refused {
                let error = call(&store, &mut session).expect_err(name);
                assert!(
                    error.is_locked() && error.code().is_none() && !error.is_outcome_unknown(),
                    "{name}: {error}"
                );
            }

            // Calls that wait for no lock are allowed, and so are calls on other sessions.
            assert_eq!(load(&store, &id), 1);
            assert!(store.touch(&id).unwrap().is_some());
            store.info(&id).unwrap();
            assert_eq!(
                store.rotate(&mut other, Duration::ZERO)?,
                RotateOutcome::Rotated
            );
            assert_eq!(store.end_user_sessions("4711", Some(&id)).unwrap(), 1);
            assert_eq!(store.end_user_sessions("4712", None).unwrap(), 0);
            store.create(1, &SessionAttributes::new().user_id("4711").max_sessions(1))?;
            locked.data = 2;
            Ok::<_, Error>(())
        }),
    );
    assert_eq!(load(&store, &id), 2);
    // After the lock, all calls are allowed.
    updated(store.update(&id, |n: &mut u32| *n += 1));
    assert!(store.end(&id).unwrap());
}

#[test]
fn replacing_locked_session_is_refused() {
    let database = TestDatabase::new();
    let store = database.store();
    let mut session = create(&store, 1);
    let old_copy = session.clone();
    session.data = 2;
    assert_eq!(store.save(&mut session).unwrap(), SaveOutcome::Saved);
    let other = create(&store, 7);
    for replacement in [old_copy, other.clone()] {
        let error = store
            .with_locked(session.id(), PATIENCE, |locked: &mut Session<u32>| {
                *locked = replacement;
                locked.data = 9;
                Ok::<_, Error>(())
            })
            .unwrap_err();
        assert!(error.is_invalid_argument(), "{error}");
    }
    assert_eq!(load(&store, session.id()), 2);
    assert_eq!(load(&store, other.id()), 7);
}

#[test]
fn session_expiring_under_lock_is_gone() {
    let database = TestDatabase::new();
    let store = database.store();
    let new = SessionAttributes::new().idle_timeout(Duration::from_secs(1));
    let id = store.create(1, &new).unwrap().id().clone();
    let result = store
        .with_locked(&id, PATIENCE, |session: &mut Session<u32>| {
            while store.load::<u32>(&id)?.is_some() {
                thread::sleep(Duration::from_millis(50));
            }
            session.data = 2;
            Ok::<_, Error>(())
        })
        .unwrap();
    assert!(result.is_gone());
}

#[test]
fn connection_lost_before_lock_is_replaced_and_under_lock_saves_nothing() {
    let database = TestDatabase::new();
    let store = database.store();
    let id = create(&store, 1).id().clone();
    database.terminate_connections();
    updated(store.with_locked(&id, PATIENCE, add_one));
    assert_eq!(load(&store, &id), 2);

    let error = store
        .with_locked(&id, PATIENCE, |session: &mut Session<u32>| {
            database.terminate_connections();
            add_one(session)
        })
        .unwrap_err();
    assert_unavailable(&error);
    assert_eq!(load(&store, &id), 2);

    // The lost reply is that of the save, so nothing was committed.
    let proxy = Proxy::to(&database);
    let through_proxy = proxy.builder(&database).pool_size(1).connect().unwrap();
    let error = through_proxy
        .with_locked(&id, PATIENCE, |session: &mut Session<u32>| {
            proxy.lose_next_reply();
            add_one(session)
        })
        .unwrap_err();
    assert_unavailable(&error);
    assert_eq!(load(&store, &id), 2);
    updated(through_proxy.with_locked(&id, PATIENCE, add_one));
    assert_eq!(load(&store, &id), 3);
}

#[test]
fn with_locked_takes_four_round_trips() {
    let database = TestDatabase::new();
    let proxy = Proxy::to(&database);
    let store = proxy.builder(&database).pool_size(1).connect().unwrap();
    let id = store
        .create(1, &SessionAttributes::new())
        .unwrap()
        .id()
        .clone();
    let before = proxy.round_trips();
    updated(store.with_locked(&id, PATIENCE, add_one));
    assert_eq!(proxy.round_trips() - before, 4);
}

/// Locks one session, and another one inside.
fn add_to_second(
    store: &Store,
    [first, second]: [&SessionId; 2],
    wait: Duration,
    between: impl FnOnce(),
) -> Result<(), Error> {
    store
        .with_locked(first, PATIENCE, |_: &mut Session<u32>| {
            between();
            store.with_locked(second, wait, |session: &mut Session<u32>| {
                session.data += 10;
                Ok::<_, Error>(())
            })
        })
        .map(|_| ())
}

#[test]
fn opposite_lock_order_ends_with_locked_error() {
    let database = TestDatabase::new();
    let store = database.store();
    let [one, two] = [1, 2].map(|n: u32| create(&store, n).id().clone());
    let both_locked = Barrier::new(2);
    let between = || {
        both_locked.wait();
    };
    let wait = Duration::from_millis(200);
    let results = thread::scope(|scope| {
        [
            scope.spawn(|| add_to_second(&store, [&one, &two], wait, between)),
            scope.spawn(|| add_to_second(&store, [&two, &one], wait, between)),
        ]
        .map(|thread| thread.join().unwrap())
    });
    let errors: Vec<_> = results.iter().filter_map(|r| r.as_ref().err()).collect();
    assert!(!errors.is_empty(), "{results:?}");
    assert!(errors.iter().all(|error| error.is_locked()), "{results:?}");
    let done = 2 - u32::try_from(errors.len()).unwrap();
    assert_eq!(load(&store, &one) + load(&store, &two), 3 + 10 * done);
}

#[test]
fn deadlock_of_two_transactions_is_detected() {
    let database = TestDatabase::new();
    let store = database.store();
    let [one, two] = [1, 2].map(|n: u32| create(&store, n).id().clone());
    let both_locked = Barrier::new(2);
    let add_to_both = |ids: [&SessionId; 2]| {
        let mut client = database.client();
        let mut transaction = client.transaction().unwrap();
        let borrowed = Store::on(&mut transaction);
        let _ = borrowed.with_locked(ids[0], PATIENCE, add_one)?;
        both_locked.wait();
        let _ = borrowed.with_locked(ids[1], PATIENCE, add_one)?;
        transaction.commit()?;
        Ok::<_, Error>(())
    };
    let results = thread::scope(|scope| {
        [
            scope.spawn(|| add_to_both([&one, &two])),
            scope.spawn(|| add_to_both([&two, &one])),
        ]
        .map(|thread| thread.join().unwrap())
    });
    let codes: Vec<_> = results
        .iter()
        .filter_map(|r| r.as_ref().err())
        .map(Error::code)
        .collect();
    assert_eq!(
        codes,
        [Some(SqlState::T_R_DEADLOCK_DETECTED.code())],
        "{results:?}"
    );
    assert_eq!([load(&store, &one), load(&store, &two)], [2, 3]);
}

// The role's default would fail with 40001 after the wait.
#[test]
fn with_locked_on_borrowed_client_sees_change_of_lock_holder_in_any_default_isolation() {
    let database = TestDatabase::new();
    let role = quoted(&database.role);
    for isolation in ["read committed", "repeatable read"] {
        database
            .superuser()
            .batch_execute(&format!(
                "alter role {role} set default_transaction_isolation = '{isolation}'"
            ))
            .unwrap();
        let store = database.store();
        let id = create(&store, 1).id().clone();
        let mut client = database.client();
        thread::scope(|scope| {
            let waiting = while_locked(&store, &id, || {
                let id = &id;
                let client = &mut client;
                let waiting =
                    scope.spawn(move || Store::on(client).with_locked(id, PATIENCE, add_one));
                database.wait_until_blocked(1);
                waiting
            });
            updated(waiting.join().unwrap());
        });
        assert_eq!(updated(store.update(&id, |n: &mut u32| *n += 1)).data, 4);
    }
}

// Each call would wait for a connection that its own thread keeps.
#[test]
fn call_under_lock_on_only_connection_is_refused() {
    let database = TestDatabase::new();
    for size in [1, 2] {
        let store = database.builder().pool_size(size).connect().unwrap();
        let [id, second] = [1, 2].map(|n: u32| create(&store, n).id().clone());
        let mut other = create(&store, 5);
        let mut use_store = || {
            let results = [
                ("load", store.load::<u32>(other.id()).map(drop)),
                ("save", store.save(&mut other).map(drop)),
                (
                    "create",
                    store.create(1, &SessionAttributes::new()).map(drop),
                ),
                (
                    "with_locked",
                    store.with_locked(other.id(), PATIENCE, add_one).map(drop),
                ),
            ];
            for (name, result) in results {
                let error = result.expect_err(name);
                assert!(error.is_invalid_argument(), "{name}: {error}");
                assert!(error.to_string().contains("pool_size"), "{error}");
            }
            // Another store has a pool of its own.
            assert_eq!(load(&database.store(), &id), 1);
            Ok::<_, Error>(())
        };
        let outcome = store.with_locked(&id, PATIENCE, |session: &mut Session<u32>| {
            session.data = 4;
            if size == 1 {
                return use_store();
            }
            let inner = |_: &mut Session<u32>| use_store();
            store.with_locked(&second, PATIENCE, inner).map(drop)
        });
        updated(outcome);
        assert_eq!(load(&store, &id), 4);
    }
}

#[test]
fn too_long_lock_timeout_is_refused() {
    let database = TestDatabase::new();
    let store = database.store();
    let id = create(&store, 1).id().clone();
    let error = store
        .with_locked(&id, Duration::MAX, change_nothing)
        .unwrap_err();
    assert!(error.is_invalid_argument() && error.code().is_none());
}

#[test]
fn with_locked_in_task_is_refused() {
    let database = TestDatabase::new();
    let store = database.store();
    let id = create(&store, 1).id().clone();
    let mut client = database.client();
    let borrowed = Store::on(&mut client);
    let called = AtomicBool::new(false);
    let work = |_: &mut Session<u32>| {
        called.store(true, Ordering::SeqCst);
        Ok::<_, Error>(())
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let error = store.with_locked(&id, PATIENCE, work).unwrap_err();
        assert!(error.is_async_context(), "{error}");
        let error = borrowed.with_locked(&id, PATIENCE, work).unwrap_err();
        assert!(error.is_async_context(), "{error}");
    });
    assert!(!called.load(Ordering::SeqCst));
}

#[derive(Default, Serialize, Deserialize)]
struct Counters {
    shared: u32,
    own: BTreeMap<u32, u32>,
}

#[test]
fn sixteen_clients_lose_no_update() {
    const CLIENTS: u32 = 16;
    const UPDATES: u32 = 60;
    let database = TestDatabase::new();
    let store = database.builder().pool_size(CLIENTS).connect().unwrap();
    let id = create(&store, Counters::default()).id().clone();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (store, id) = (&store, &id);
            scope.spawn(move || {
                for _ in 0..UPDATES {
                    let session = store
                        .update(id, |counters: &mut Counters| {
                            counters.shared += 1;
                            *counters.own.entry(client).or_default() += 1;
                        })
                        .unwrap();
                    assert!(session.updated().is_some());
                }
            });
        }
    });
    let counters = store.load::<Counters>(&id).unwrap().unwrap().data;
    assert_eq!(counters.shared, CLIENTS * UPDATES);
    assert_eq!(
        counters.own,
        (0..CLIENTS).map(|client| (client, UPDATES)).collect()
    );
}
