//! Loads and saves that share one call of the database.

use std::time::Duration;

use super::locked::Holder;
use super::{connect, create, execute, outside, run, run_on};
use crate::support::proxy::Proxy;
use crate::support::test_database::{TestDatabase, updated};
use crate::support::wait::wait_until;
use connect_pg::tokio::Store;
use connect_pg::{
    Error, RotateOutcome, SaveOutcome, Session, SessionAttributes, SessionId, StoreBuilder,
};
use tokio::task::JoinHandle;

// Groups of calls that would wait, whatever CONNECT_PG_TEST_GROUPS says.
fn builder(database: &TestDatabase) -> StoreBuilder<Store> {
    super::builder(database).group_calls(true)
}

fn through(proxy: &Proxy, database: &TestDatabase) -> StoreBuilder<Store> {
    super::pool::through(proxy, database).group_calls(true)
}

/// Returns a store with one connection for loads and one for changes.
fn two_connections(builder: StoreBuilder<Store>) -> Store {
    builder.pool_size(2).build().unwrap()
}

fn groups(store: &Store) -> (u64, u64, u32) {
    let status = store.pool_status();
    (status.groups, status.grouped_calls, status.largest_group)
}

type Saved<T> = JoinHandle<(Result<SaveOutcome, Error>, Session<T>)>;

/// Starts saves that wait for the only connection for changes, which the lock of another session keeps. Returns them with the
/// holder of that lock.
async fn saves_in_line<T>(store: &Store, sessions: Vec<Session<T>>) -> (Holder, Vec<Saved<T>>)
where
    T: serde::Serialize + Send + 'static,
{
    let busy = create(store, 0_u32).await;
    let holder = Holder::lock(store, busy.id()).await;
    let mut saves = Vec::new();
    for mut session in sessions {
        let clone = store.clone();
        saves.push(tokio::spawn(async move {
            let outcome = clone.save(&mut session).await;
            (outcome, session)
        }));
        outside(|| {
            wait_until("the save waits", || {
                store.pool_status().waiting as usize == saves.len()
            });
        });
    }
    (holder, saves)
}

/// Makes these loads in a runtime of one thread, which polls all of them before the task that leads their group.
fn load_together(store: &Store, ids: &[&SessionId], slide: bool) -> Vec<Option<i32>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        // Opens the connection.
        store.user_sessions("nobody").await.unwrap();
        let loads: Vec<_> = ids
            .iter()
            .map(|id| {
                let (store, id) = (store.clone(), (*id).clone());
                tokio::spawn(async move {
                    let loaded = if slide {
                        store.load::<i32>(&id).await
                    } else {
                        store.peek::<i32>(&id).await
                    };
                    loaded.unwrap().map(|session| session.data)
                })
            })
            .collect();
        let mut loaded = Vec::new();
        for load in loads {
            loaded.push(load.await.unwrap());
        }
        loaded
    })
}

// The grouped function leaves some loads to the ordinary one.
#[test]
fn grouped_loads_return_what_single_loads_return() {
    for prepare in [true, false] {
        let database = TestDatabase::new();
        let store = two_connections(
            builder(&database)
                .prepare_statements(prepare)
                .group_all_calls(),
        );
        let (ids, expected) = super::runtime().block_on(async {
            let mut ids = Vec::new();
            for number in 1..6 {
                ids.push(create(&store, number).await.id().clone());
            }
            store.end(&ids[1]).await.unwrap();
            let make = |change: &str, id: &SessionId| {
                let key = id.key();
                let key = key.as_bytes().iter().map(|byte| format!("{byte:02x}"));
                let key: String = key.collect();
                let sql = format!("update web.session set {change} where key = '\\x{key}'");
                execute(&database, &sql);
            };
            let past = "now() - interval '1 s'";
            make(&format!("expires_at = {past}, slide_at = {past}"), &ids[2]);
            make(&format!("slide_at = {past}"), &ids[3]);
            let mut rotated = store.load::<i32>(&ids[4]).await.unwrap().unwrap();
            let outcome = store.rotate(&mut rotated, Duration::from_secs(60)).await;
            assert_eq!(outcome.unwrap(), RotateOutcome::Rotated);
            ids.push(rotated.id().clone());
            ids.push(SessionId::generate().unwrap());
            ids.push(ids[0].clone());
            let expected = [
                Some(1),
                None,
                None,
                Some(4),
                Some(5),
                Some(5),
                None,
                Some(1),
            ];
            (ids, expected)
        });
        let ids: Vec<_> = ids.iter().collect();
        for slide in [false, true] {
            let (groups_before, calls_before, _) = groups(&store);
            assert_eq!(
                load_together(&store, &ids, slide),
                expected,
                "slide: {slide}"
            );
            let (groups, calls, largest) = groups(&store);
            assert_eq!(
                (groups - groups_before, calls - calls_before, largest),
                (1, 8, 8)
            );
        }
        let database = database.superuser().query_one(
            "select count(*) from web.session where slide_at <= now() and expires_at > now()",
            &[],
        );
        assert_eq!(database.unwrap().get::<_, i64>(0), 0, "the load slid");
    }
}

// The grouped function leaves some saves to the ordinary one.
#[test]
fn grouped_saves_return_what_single_saves_return() {
    for prepare in [true, false] {
        run_on(&TestDatabase::direct(), async |database| {
            let store = two_connections(builder(database).prepare_statements(prepare));
            let mut sessions = Vec::new();
            for number in 0..8 {
                sessions.push(create(&store, number.to_string()).await);
            }
            let [plain, another, ended, stale, same, twice, large, too_large] = &sessions[..]
            else {
                unreachable!()
            };
            store.end(ended.id()).await.unwrap();
            updated(
                store
                    .update(stale.id(), |data: &mut String| data.push('x'))
                    .await,
            );
            let with = |session: &Session<String>, data: String| {
                let mut session = session.clone();
                session.data = data;
                session
            };
            let text = |length: usize| "x".repeat(length);
            let saves = [
                (with(plain, "new".into()), Some(SaveOutcome::Saved)),
                (with(another, "new".into()), Some(SaveOutcome::Saved)),
                (with(ended, "new".into()), Some(SaveOutcome::Gone)),
                (with(stale, "new".into()), Some(SaveOutcome::Conflict)),
                (same.clone(), Some(SaveOutcome::Saved)),
                (with(twice, "first".into()), Some(SaveOutcome::Saved)),
                (with(twice, "second".into()), Some(SaveOutcome::Conflict)),
                (with(large, text(10_000)), Some(SaveOutcome::Saved)),
                (with(too_large, text(2 << 20)), None),
            ];
            let (sent, expected): (Vec<_>, Vec<_>) = saves.into_iter().unzip();
            let (holder, saves) = saves_in_line(&store, sent).await;
            holder.unlock().await;
            for (save, expected) in saves.into_iter().zip(expected) {
                let (outcome, session) = save.await.unwrap();
                match outcome {
                    Ok(outcome) => assert_eq!(Some(outcome), expected),
                    Err(error) => assert!(expected.is_none() && error.is_too_large(), "{error}"),
                }
                let stored = store.load::<String>(session.id()).await.unwrap();
                if expected == Some(SaveOutcome::Saved) {
                    let stored = stored.unwrap();
                    assert_eq!(stored.data, session.data);
                    assert_eq!(stored.version(), session.version());
                    assert_eq!(stored.expires_at(), session.expires_at());
                }
            }
            // Large data goes by itself, and the second save of a session in the next group.
            let (groups, calls, largest) = groups(&store);
            assert_eq!((groups, calls, largest), (2, 7, 6), "{prepare}");
        });
    }
}

#[test]
fn group_passes_over_locked_session() {
    run(async |database| {
        let store = builder(database)
            .pool_size(4)
            .group_all_calls()
            .build()
            .unwrap();
        let mut sessions = Vec::new();
        for number in 0..3_u32 {
            sessions.push(create(&store, number).await);
        }
        // The lock is that of another store, so that this one has its places.
        let other = connect(database).await;
        let holder = Holder::lock(&other, sessions[1].id()).await;
        let saves: Vec<_> = sessions
            .iter()
            .cloned()
            .map(|mut session| {
                let store = store.clone();
                session.data += 10;
                tokio::spawn(async move { store.save(&mut session).await.unwrap() })
            })
            .collect();
        outside(|| database.wait_until_blocked(1));
        let mut saves = saves.into_iter();
        assert_eq!(saves.next().unwrap().await.unwrap(), SaveOutcome::Saved);
        let blocked = saves.next().unwrap();
        assert_eq!(saves.next().unwrap().await.unwrap(), SaveOutcome::Saved);
        assert!(!blocked.is_finished());
        holder.unlock().await;
        // The lock's holder has changed it.
        assert_eq!(blocked.await.unwrap(), SaveOutcome::Conflict);
    });
}

#[test]
fn lost_reply_of_group_repeats_each_save() {
    run(async |database| {
        let proxy = outside(|| Proxy::to(database));
        let store = two_connections(through(&proxy, database));
        let mut sessions = Vec::new();
        for number in 0..4 {
            sessions.push(create(&store, number).await);
        }
        // Prepares the statement of the group.
        for (round, lost) in [(10, false), (20, true)] {
            let changed = sessions.iter().cloned().map(|mut session| {
                session.data += round;
                session
            });
            let (holder, saves) = saves_in_line(&store, changed.collect()).await;
            if lost {
                // The replies to the save and the commit of the lock's holder come first.
                proxy.lose_reply_after(2);
            }
            holder.unlock().await;
            for (session, save) in sessions.iter_mut().zip(saves) {
                let (outcome, after) = save.await.unwrap();
                assert_eq!(outcome.unwrap(), SaveOutcome::Saved);
                let stored = store.load::<i32>(session.id()).await.unwrap().unwrap();
                assert_eq!(
                    (stored.data, stored.version()),
                    (after.data, after.version())
                );
                *session = after;
            }
        }
        assert_eq!(groups(&store), (2, 8, 4));
    });
}

#[test]
fn saves_dropped_in_line_are_not_made() {
    run(async |database| {
        let store = two_connections(builder(database));
        let mut sessions = Vec::new();
        for number in 0..6 {
            let mut session = create(&store, number).await;
            session.data += 10;
            sessions.push(session);
        }
        let ids: Vec<_> = sessions
            .iter()
            .map(|session| session.id().clone())
            .collect();
        let (holder, saves) = saves_in_line(&store, sessions).await;
        let mut kept = Vec::new();
        for (number, save) in saves.into_iter().enumerate() {
            if number % 2 == 0 {
                save.abort();
                assert!(save.await.unwrap_err().is_cancelled());
            } else {
                kept.push(save);
            }
        }
        holder.unlock().await;
        for save in kept {
            assert_eq!(save.await.unwrap().0.unwrap(), SaveOutcome::Saved);
        }
        for (number, id) in (0..).zip(&ids) {
            let expected = if number % 2 == 0 { number } else { number + 10 };
            assert_eq!(store.load::<i32>(id).await.unwrap().unwrap().data, expected);
        }
        assert_eq!(groups(&store), (1, 3, 3));
    });
}

#[test]
fn call_in_line_gives_up_after_pool_timeout() {
    run(async |database| {
        let builder = builder(database).pool_timeout(Duration::from_millis(50));
        let store = two_connections(builder);
        let session = create(&store, 1_u32).await;
        let id = session.id().clone();
        let (holder, saves) = saves_in_line(&store, vec![session]).await;
        for save in saves {
            let error = save.await.unwrap().0.unwrap_err();
            assert!(
                error.is_unavailable() && !error.is_outcome_unknown(),
                "{error}"
            );
        }
        holder.unlock().await;
        assert_eq!(store.load::<u32>(&id).await.unwrap().unwrap().data, 1);
    });
}

#[test]
fn store_without_groups_makes_each_call_by_itself() {
    run(async |database| {
        let store = two_connections(builder(database).group_calls(false));
        let mut sessions = Vec::new();
        for number in 0..4 {
            let mut session = create(&store, number).await;
            session.data += 10;
            sessions.push(session);
        }
        let (holder, saves) = saves_in_line(&store, sessions).await;
        holder.unlock().await;
        for save in saves {
            assert_eq!(save.await.unwrap().0.unwrap(), SaveOutcome::Saved);
        }
        assert_eq!(groups(&store), (0, 0, 0));
    });
}

// The leader of a group is a task of that runtime, and the calls of another one go on.
#[test]
fn end_of_a_leaders_runtime_leaves_no_call_waiting() {
    let database = TestDatabase::new();
    let store = two_connections(builder(&database).group_all_calls());
    let id = super::runtime().block_on(async { create(&store, 1).await.id().clone() });
    for _ in 0..5 {
        let short_lived = super::runtime();
        for _ in 0..64 {
            let (store, id) = (store.clone(), id.clone());
            short_lived.spawn(async move { drop(store.load::<i32>(&id).await) });
        }
        drop(short_lived);
        super::runtime().block_on(async {
            for _ in 0..4 {
                assert_eq!(store.load::<i32>(&id).await.unwrap().unwrap().data, 1);
            }
        });
    }
}

/// The task that leads the groups gives up after the timeout of the first save. The second one then has less time left.
#[test]
fn saves_without_group_give_up_in_the_order_of_their_arrival() {
    run(async |database| {
        let builder = builder(database).pool_timeout(Duration::from_secs(1));
        let store = two_connections(builder);
        let sessions = vec![create(&store, 0_u32).await, create(&store, 0_u32).await];
        let (holder, saves) = saves_in_line(&store, sessions).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let last = store.create(0_u32, &SessionAttributes::new()).await;
        assert!(last.unwrap_err().is_unavailable());
        for save in saves {
            assert!(save.is_finished(), "a save waited longer than a later call");
            let (outcome, _) = save.await.unwrap();
            let error = outcome.unwrap_err();
            assert!(
                error.is_unavailable() && !error.is_outcome_unknown(),
                "{error}"
            );
        }
        holder.unlock().await;
    });
}
