//! Loads and saves that share one call of the database.

use std::thread;
use std::time::Duration;

use crate::support::proxy::Proxy;
use crate::support::test_database::{TestDatabase, create, updated};
use crate::support::wait::wait_until;
use connect_pg::{
    Error, PoolStatus, RotateOutcome, SaveOutcome, Session, SessionAttributes, SessionId, Store,
    StoreBuilder,
};

/// Long enough to mean "until it is my turn".
const LONG: Duration = Duration::from_mins(5);

/// Makes these calls on threads of their own while the only connection of the pool is in use. Then releases that.
fn while_pool_is_busy<R: Send>(
    store: &Store,
    calls: Vec<Box<dyn FnOnce() -> R + Send + '_>>,
) -> Vec<R> {
    let busy = create(store, ()).id().clone();
    thread::scope(|scope| {
        let work = |_: &mut Session<()>| {
            let mut waiting = store.pool_status().waiting;
            let threads: Vec<_> = calls
                .into_iter()
                .map(|call| {
                    let thread = scope.spawn(call);
                    waiting += 1;
                    wait_until("the call waits for a connection", || {
                        store.pool_status().waiting == waiting
                    });
                    thread
                })
                .collect();
            Ok::<_, Error>(threads)
        };
        let threads = updated(store.with_locked(&busy, LONG, work));
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

fn one_connection(builder: StoreBuilder) -> Store {
    builder.pool_size(1).group_calls(true).connect().unwrap()
}

fn groups(status: PoolStatus) -> (u64, u64, u32) {
    (status.groups, status.grouped_calls, status.largest_group)
}

fn call<'a, R>(call: impl FnOnce() -> R + Send + 'a) -> Box<dyn FnOnce() -> R + Send + 'a> {
    Box::new(call)
}

/// Returns the data and the version of a session, if it is live.
fn load(store: &Store, id: &SessionId) -> Option<(i32, i64)> {
    let session = store.load::<i32>(id).unwrap()?;
    Some((session.data, session.version()))
}

#[test]
fn waiting_loads_share_one_call() {
    for prepare in [true, false] {
        let database = TestDatabase::new();
        let proxy = Proxy::to(&database);
        let store = one_connection(proxy.builder(&database).prepare_statements(prepare));
        let sessions: Vec<_> = (0..10)
            .map(|n| {
                let attributes = SessionAttributes::new().user_id(format!("user {n}"));
                store.create(n, &attributes).unwrap()
            })
            .collect();
        // Prepares the statements.
        for session in &sessions[..2] {
            store.load::<i32>(session.id()).unwrap().unwrap();
        }
        let before = proxy.round_trips();
        // The last two are equal.
        let ids = sessions.iter().chain(&sessions[9..]).map(Session::id);
        let loads = ids
            .map(|id| call(|| store.load::<i32>(id).unwrap().unwrap()))
            .collect();
        let loaded = while_pool_is_busy(&store, loads);
        for (loaded, created) in loaded.iter().zip(sessions.iter().chain(&sessions[9..])) {
            assert_eq!(loaded.data, created.data);
            assert_eq!(loaded.user_id(), created.user_id());
            assert_eq!(loaded.version(), created.version());
            assert_eq!(loaded.expires_at(), created.expires_at());
        }
        assert_eq!(groups(store.pool_status()), (1, 11, 11), "{prepare}");
        // Each of create and with_locked takes 1 and 4 of them, which leaves the group and its preparation.
        let round_trips = proxy.round_trips() - before - 5;
        assert_eq!(round_trips, if prepare { 2 } else { 1 });
    }
}

// The grouped function leaves some loads to the ordinary one.
#[test]
fn grouped_loads_return_what_single_loads_return() {
    let database = TestDatabase::new();
    let store = one_connection(database.builder());
    let [live, ended, expired, due, old] =
        [1, 2, 3, 4, 5].map(|n: i32| create(&store, n).id().clone());
    store.end(&ended).unwrap();
    let mut superuser = database.superuser();
    let mut execute = |sql: &str, id: &SessionId| {
        superuser
            .execute(sql, &[&id.key().as_bytes().as_slice()])
            .unwrap();
    };
    execute(
        "update web.session set expires_at = now() - interval '1 s', slide_at = now() - interval '1 s' where key = $1",
        &expired,
    );
    execute(
        "update web.session set slide_at = now() - interval '1 s' where key = $1",
        &due,
    );
    let mut rotated = store.load::<i32>(&old).unwrap().unwrap();
    let outcome = store.rotate(&mut rotated, Duration::from_secs(60));
    assert_eq!(outcome.unwrap(), RotateOutcome::Rotated);
    let missing = SessionId::generate().unwrap();
    let expected = [
        (&live, Some((1, 1))),
        (&ended, None),
        (&expired, None),
        (&missing, None),
        (&due, Some((4, 1))),
        (&old, Some((5, 1))),
        (rotated.id(), Some((5, 1))),
        (&live, Some((1, 1))),
    ];
    for slide in [false, true] {
        let store = &store;
        let loads = expected
            .iter()
            .map(|(id, _)| {
                call(move || {
                    let loaded = if slide {
                        store.load::<i32>(id)
                    } else {
                        store.peek::<i32>(id)
                    };
                    loaded.unwrap().map(|session| session.data)
                })
            })
            .collect();
        let loaded = while_pool_is_busy(store, loads);
        assert_eq!(
            loaded,
            expected.map(|(_, expected)| expected.map(|(data, _)| data)),
            "slide: {slide}"
        );
        let row = superuser
            .query_one(
                "select slide_at > now() from web.session where key = $1",
                &[&due.key().as_bytes().as_slice()],
            )
            .unwrap();
        assert_eq!(row.get::<_, bool>(0), slide, "only a load slides");
    }
    assert_eq!(groups(store.pool_status()), (2, 16, 8));
}

// The grouped function leaves some saves to the ordinary one.
#[test]
fn grouped_saves_return_what_single_saves_return() {
    for prepare in [true, false] {
        let database = TestDatabase::new();
        let store = one_connection(database.builder().prepare_statements(prepare));
        let sessions: Vec<Session<String>> =
            (0..8).map(|n| create(&store, n.to_string())).collect();
        let [plain, another, ended, stale, same, twice, large, too_large] = &sessions[..] else {
            unreachable!()
        };
        store.end(ended.id()).unwrap();
        updated(store.update(stale.id(), |data: &mut String| data.push('x')));
        let with = |session: &Session<String>, data: String| {
            let mut session = session.clone();
            session.data = data;
            session
        };
        let text = |length: usize| "x".repeat(length);
        let saves = [
            (with(plain, "new".into()), Ok(SaveOutcome::Saved)),
            (with(another, "new".into()), Ok(SaveOutcome::Saved)),
            (with(ended, "new".into()), Ok(SaveOutcome::Gone)),
            (with(stale, "new".into()), Ok(SaveOutcome::Conflict)),
            (same.clone(), Ok(SaveOutcome::Saved)),
            (with(twice, "first".into()), Ok(SaveOutcome::Saved)),
            (with(twice, "second".into()), Ok(SaveOutcome::Conflict)),
            (with(large, text(10_000)), Ok(SaveOutcome::Saved)),
            (with(too_large, text(2 << 20)), Err(())),
        ];
        let (sent, expected): (Vec<_>, Vec<_>) = saves.into_iter().unzip();
        let calls = sent
            .into_iter()
            .map(|mut session| {
                let store = &store;
                call(move || {
                    let outcome = store.save(&mut session).map_err(|error| {
                        assert!(error.is_too_large(), "{error}");
                    });
                    (outcome, session)
                })
            })
            .collect();
        let results = while_pool_is_busy(&store, calls);
        let outcomes: Vec<_> = results.iter().map(|(outcome, _)| *outcome).collect();
        assert_eq!(outcomes, expected, "{prepare}");
        for (outcome, session) in results {
            let stored = store.load::<String>(session.id()).unwrap();
            if outcome == Ok(SaveOutcome::Saved) {
                let stored = stored.unwrap();
                assert_eq!(stored.data, session.data);
                assert_eq!(stored.version(), session.version());
                assert_eq!(stored.expires_at(), session.expires_at());
            }
        }
        // Large data goes by itself, and the second save of a session in the next group, which is that save alone.
        assert_eq!(groups(store.pool_status()), (1, 6, 6));
    }
}

#[test]
fn group_passes_over_locked_session() {
    let database = TestDatabase::new();
    let store = one_connection(database.builder());
    let sessions: Vec<_> = (0..3).map(|n| create(&store, n)).collect();
    let mut superuser = database.superuser();
    let mut transaction = superuser.transaction().unwrap();
    let key = sessions[1].id().key();
    transaction
        .execute(
            "select from web.session where key = $1 for update",
            &[&key.as_bytes().as_slice()],
        )
        .unwrap();
    let saved = thread::scope(|scope| {
        let (store, sessions) = (&store, &sessions);
        let saving = scope.spawn(move || {
            let saves = sessions.iter().cloned().map(|mut session| {
                session.data += 10;
                call(move || store.save(&mut session).unwrap())
            });
            while_pool_is_busy(store, saves.collect())
        });
        database.wait_until_blocked(1);
        // The others are stored already.
        let other = database.store();
        assert_eq!(
            [0, 2].map(|n| load(&other, sessions[n].id())),
            [Some((10, 2)), Some((12, 2))]
        );
        transaction.rollback().unwrap();
        saving.join().unwrap()
    });
    assert_eq!(saved, [SaveOutcome::Saved; 3]);
    assert_eq!(load(&store, sessions[1].id()), Some((11, 2)));
}

#[test]
fn error_of_group_makes_each_call_by_itself() {
    let database = TestDatabase::with("web", "LATIN1");
    let store = one_connection(database.builder());
    let sessions: Vec<_> = (0..3).map(|n| create(&store, n.to_string())).collect();
    let data = ["plain", "\u{6f22}", "gr\u{fc}n"];
    let saves = sessions.iter().zip(data).map(|(session, data)| {
        let (store, mut session) = (&store, session.clone());
        session.data = data.to_owned();
        call(move || store.save(&mut session).unwrap())
    });
    assert_eq!(
        while_pool_is_busy(&store, saves.collect()),
        [SaveOutcome::Saved; 3]
    );
    for (session, data) in sessions.iter().zip(data) {
        let stored = store.load::<String>(session.id()).unwrap().unwrap();
        assert_eq!((stored.data.as_str(), stored.version()), (data, 2));
    }

    // A store of another release may lack the grouped function.
    database
        .superuser()
        .batch_execute("drop function web.load_sessions(bytea[], boolean)")
        .unwrap();
    let loads = sessions
        .iter()
        .map(|session| call(|| store.load::<String>(session.id()).unwrap().unwrap().data));
    assert_eq!(while_pool_is_busy(&store, loads.collect()), data);
}

// The server executed the group, and the client did not learn of it.
#[test]
fn lost_reply_of_group_repeats_each_call() {
    let database = TestDatabase::new();
    let proxy = Proxy::to(&database);
    let store = one_connection(proxy.builder(&database));
    let sessions: Vec<_> = (0..4).map(|n| create(&store, n)).collect();
    let save_all = |data: i32| {
        let saves = sessions.iter().map(|session| {
            let mut session = store.load::<i32>(session.id()).unwrap().unwrap();
            let store = &store;
            session.data = data;
            call(move || (store.save(&mut session), session.version()))
        });
        let saves = saves.collect();
        // Prepares the statement, also on a new connection.
        create(&store, ());
        // Those of create and with_locked come first, which keep the connection busy.
        proxy.lose_reply_after(if data == 10 { usize::MAX } else { 5 });
        while_pool_is_busy(&store, saves)
    };
    save_all(10);
    let before = proxy.connections();
    for (saved, version) in save_all(20) {
        assert_eq!((saved.unwrap(), version), (SaveOutcome::Saved, 3));
    }
    assert_eq!(proxy.connections(), before + 1);
    assert_eq!(groups(store.pool_status()), (2, 8, 4));
    for session in &sessions {
        assert_eq!(load(&store, session.id()), Some((20, 3)));
    }

    proxy.refuse();
    for (saved, version) in save_all(30) {
        let error = saved.unwrap_err();
        assert!(
            error.is_unavailable() && error.is_outcome_unknown(),
            "{error}"
        );
        assert_eq!(version, 3);
    }
    let direct = database.store();
    for session in &sessions {
        assert_eq!(
            load(&direct, session.id()),
            Some((30, 4)),
            "it was executed"
        );
    }
}

// The connection that is handed over is broken, or breaks before the group is sent.
#[test]
fn connection_lost_before_group_is_replaced() {
    let database = TestDatabase::new();
    let store = one_connection(database.builder());
    let sessions: Vec<_> = (0..4).map(|n| create(&store, n)).collect();
    let busy = create(&store, ()).id().clone();
    let loaded = thread::scope(|scope| {
        let mut threads = Vec::new();
        let error = store.with_locked(&busy, LONG, |_: &mut Session<()>| {
            for session in &sessions {
                threads.push(scope.spawn(|| load(&store, session.id())));
            }
            wait_until("the loads wait for a connection", || {
                store.pool_status().waiting == 4
            });
            database.terminate_connections();
            Ok::<_, Error>(())
        });
        assert!(error.unwrap_err().is_unavailable());
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(loaded, [0, 1, 2, 3].map(|n| Some((n, 1))));
    assert_eq!(groups(store.pool_status()), (1, 4, 4));
}

#[test]
fn store_that_groups_no_calls_makes_each_by_itself() {
    let database = TestDatabase::new();
    let builder = database.builder().pool_size(1).group_calls(false);
    let store = builder.connect().unwrap();
    let sessions: Vec<_> = (0..4).map(|n| create(&store, n)).collect();
    let loads = sessions
        .iter()
        .map(|session| call(|| load(&store, session.id())));
    assert_eq!(
        while_pool_is_busy(&store, loads.collect()),
        [0, 1, 2, 3].map(|n| Some((n, 1)))
    );
    let status = store.pool_status();
    assert_eq!(groups(status), (0, 0, 0));
    assert_eq!(status.hand_offs, 4);
}

// Half of two connections is for calls that may wait for a lock. A group never does.
#[test]
fn save_beyond_half_of_pool_goes_at_once_in_group() {
    let database = TestDatabase::new();
    let builder = database.builder().pool_size(2).group_calls(true);
    let store = builder.connect().unwrap();
    let busy = create(&store, ()).id().clone();
    let session = create(&store, 1);
    updated(store.with_locked(&busy, LONG, |_: &mut Session<()>| {
        let mut session = session.clone();
        session.data = 2;
        let saved = thread::scope(|scope| scope.spawn(|| store.save(&mut session)).join());
        assert_eq!(saved.unwrap()?, SaveOutcome::Saved);
        assert_eq!(groups(store.pool_status()), (1, 1, 1));
        Ok::<_, Error>(())
    }));
    assert_eq!(load(&store, session.id()), Some((2, 2)));
}

// Loads, saves, updates and locks of few sessions by many threads, on connections that break.
#[test]
fn updates_in_groups_lose_nothing() {
    const THREADS: i32 = 12;
    const UPDATES: i32 = 10;
    let database = TestDatabase::new();
    for all in [false, true] {
        let builder = database.builder().pool_size(2);
        let builder = if all {
            builder.group_all_calls()
        } else {
            builder.group_calls(true)
        };
        let store = builder.connect().unwrap();
        let ids: Vec<_> = (0..4).map(|_| create(&store, 0).id().clone()).collect();
        // An update whose outcome is unknown counts for nothing or for one.
        let (done, unknown): (Vec<i32>, Vec<i32>) = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let (store, id) = (&store, &ids[usize::try_from(thread).unwrap() % ids.len()]);
                    scope.spawn(move || {
                        let (mut done, mut unknown) = (0, 0);
                        for _ in 0..UPDATES {
                            match store.update(id, |n: &mut i32| *n += 1) {
                                Ok(outcome) => done += i32::from(outcome.updated().is_some()),
                                Err(error) => {
                                    assert!(error.is_unavailable(), "{error}");
                                    unknown += i32::from(error.is_outcome_unknown());
                                }
                            }
                        }
                        (done, unknown)
                    })
                })
                .collect();
            while !threads.iter().all(thread::ScopedJoinHandle::is_finished) {
                database.terminate_connections();
                thread::sleep(Duration::from_millis(50));
            }
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .unzip()
        });
        let counted: i32 = ids.iter().map(|id| load(&store, id).unwrap().0).sum();
        let (done, unknown): (i32, i32) = (done.iter().sum(), unknown.iter().sum());
        assert!(
            done > 0 && (done..=done + unknown).contains(&counted),
            "{counted}, {done}, {unknown}"
        );
        let status = store.pool_status();
        assert!(status.grouped_calls > 0, "{status:?}");
        assert_eq!((status.waiting, status.idle), (0, status.open));
    }
}
