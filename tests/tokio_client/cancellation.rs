//! Futures that are dropped: at random moments, while they wait, and under a lock.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use super::locked::Holder;
use super::{VARIANTS, builder, connect, create, outside, run, run_on};
use crate::support::test_database::{TestDatabase, updated};
use crate::support::wait::wait_until;
use connect_pg::tokio::Store;
use connect_pg::{Error, SaveOutcome, Session, SessionAttributes, SessionId};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_mins(5);

/// Polls a future once, or a few times, and drops it.
async fn drop_soon(polls: u32, future: impl Future) {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 || future.as_mut().poll(context).is_ready() {
            return std::task::Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// Makes a call of that kind on the session, and drops it after some polls or some time.
async fn make_and_drop(store: &Store, id: &SessionId, kind: u32, polls: u32, time: Duration) {
    let attributes = SessionAttributes::new();
    let load = async { drop(store.load::<(u32, u32)>(id).await) };
    let touch = async { drop(store.touch(id).await) };
    let create = async { drop(store.create((0, 0), &attributes).await) };
    let update = async { drop(store.update(id, |data: &mut (u32, u32)| data.1 += 1).await) };
    let work = async |session: &mut Session<(u32, u32)>| {
        tokio::task::yield_now().await;
        session.data.1 += 1;
        Ok::<_, Error>(())
    };
    let lock = async { drop(store.with_locked(id, PATIENCE, work).await) };
    let count = async { drop(store.count().await) };
    match kind % 8 {
        0 | 1 => drop_soon(polls, load).await,
        2 => drop_soon(polls, touch).await,
        3 => drop_soon(polls, create).await,
        4 => drop_soon(polls, update).await,
        5 => drop_soon(polls, lock).await,
        6 => drop_soon(polls, count).await,
        _ => {
            let all = Box::pin(async { (load.await, update.await, lock.await) });
            drop(timeout(time, all).await);
        }
    }
}

/// Loads a session that holds the task's number, and drops some calls. A reply to another task would show another number.
async fn load_and_cancel(store: Store, number: u32, rounds: u32) {
    let mut session = create(&store, (number, 0_u32)).await;
    let id = session.id().clone();
    for round in 0..rounds {
        let random = getrandom::u32().unwrap();
        let time = Duration::from_micros(u64::from(random % 3000));
        Box::pin(make_and_drop(&store, &id, random >> 8, random % 7, time)).await;
        let loaded = store.load::<(u32, u32)>(&id).await.unwrap().unwrap();
        assert_eq!((loaded.data.0, loaded.id()), (number, &id));
        if round % 4 == 0 {
            // A change that was dropped may still come: a conflict, and never another task's data.
            session = loaded;
            session.data.1 += 1;
            let saved = store.save(&mut session).await.unwrap();
            assert_ne!(saved, SaveOutcome::Gone);
        }
    }
}

#[test]
fn futures_dropped_at_random_leave_every_connection_usable() {
    run_on(&TestDatabase::direct(), async |database| {
        for variant in VARIANTS {
            let builder = variant(builder(database)).pool_size(4);
            let store = builder.connect().await.unwrap();
            let tasks: Vec<_> = (0..24)
                .map(|number| tokio::spawn(load_and_cancel(store.clone(), number, 25)))
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            all_connections_answer(&store).await;
            store.close();
            drop(store);
            outside(|| database.wait_until_disconnected());
        }
    });
}

/// Uses every place of the pool at the same time, then finds them all released.
async fn all_connections_answer(store: &Store) {
    let mut calls = Vec::new();
    for number in 0..256_u32 {
        let session = create(store, number).await;
        let store = store.clone();
        calls.push(tokio::spawn(async move {
            let changed = store.update(session.id(), |n: &mut u32| *n += 1).await;
            assert_eq!(updated(changed).data, number + 1);
        }));
    }
    for call in calls {
        call.await.unwrap();
    }
    until_idle(store).await;
}

/// Waits until the server has replied to all calls.
async fn until_idle(store: &Store) {
    loop {
        let status = store.pool_status();
        if status.open == status.idle && status.waiting == 0 {
            return;
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// Drops a save when it waits for the locked session.
async fn drop_blocked_save(database: &TestDatabase, store: &Store, mut session: Session<u32>) {
    let store = store.clone();
    let saving = tokio::spawn(async move { store.save(&mut session).await });
    outside(|| database.wait_until_blocked(1));
    saving.abort();
    assert!(saving.await.unwrap_err().is_cancelled());
}

#[test]
fn dropped_save_that_waits_for_lock_keeps_only_its_own_connection() {
    run(async |database| {
        let store = builder(database).pool_size(4).connect().await.unwrap();
        let mut session = create(&store, 1_u32).await;
        let id = session.id().clone();
        let holder = Holder::lock(&store, &id).await;
        session.data = 9;
        drop_blocked_save(database, &store, session).await;
        // Its connection waits for the server. No other call queues behind it.
        let status = store.pool_status();
        assert_eq!(status.open - status.idle, 2, "the lock's and the save's");
        for _ in 0..20 {
            let other = create(&store, 3_u32).await;
            assert_eq!(
                store.load::<u32>(other.id()).await.unwrap().unwrap().data,
                3
            );
        }
        holder.unlock().await;
        until_idle(&store).await;
        // The save was executed, and met the change of the lock's holder.
        assert_eq!(store.load::<u32>(&id).await.unwrap().unwrap().data, 2);
    });
}

// Its place is in use until the server has replied, so no further connection is opened.
#[test]
fn dropped_save_that_waits_for_lock_keeps_its_place() {
    run(async |database| {
        let other = connect(database).await;
        let mut session = create(&other, 1_u32).await;
        let holder = Holder::lock(&other, session.id()).await;
        let store = builder(database).pool_size(2).connect().await.unwrap();
        let next = create(&store, 5_u32).await;
        session.data = 9;
        drop_blocked_save(database, &store, session).await;
        let ending = tokio::spawn({
            let (store, id) = (store.clone(), next.id().clone());
            async move { store.end(&id).await.unwrap() }
        });
        wait_until("a call waits for the only connection for changes", || {
            store.pool_status().waiting == 1
        });
        holder.unlock().await;
        assert!(ending.await.unwrap());
        assert_eq!(store.pool_status().open, 2);
    });
}

#[test]
fn dropped_save_may_be_executed() {
    run(async |database| {
        // In a group it would wait for the task that leads that.
        let store = builder(database).group_calls(true);
        let store = store.connect().await.unwrap();
        let mut session = create(&store, 1_u32).await;
        let id = session.id().clone();
        session.data = 2;
        // The first save prepares the statement, so the second is sent at its first poll.
        assert_eq!(store.save(&mut session).await.unwrap(), SaveOutcome::Saved);
        session.data = 3;
        drop_soon(1, store.save(&mut session)).await;
        until_idle(&store).await;
        assert_eq!(store.load::<u32>(&id).await.unwrap().unwrap().data, 3);
    });
}

#[test]
fn dropped_waiter_has_done_nothing_and_takes_no_place() {
    run(async |database| {
        let store = builder(database).pool_size(2).connect().await.unwrap();
        let id = create(&store, 1_u32).await.id().clone();
        let holder = Holder::lock(&store, &id).await;
        let ends: Vec<_> = (0..8)
            .map(|_| {
                let (store, id) = (store.clone(), id.clone());
                tokio::spawn(async move { store.end(&id).await })
            })
            .collect();
        wait_until(
            "eight calls wait for the only connection for changes",
            || store.pool_status().waiting == 8,
        );
        for end in ends {
            end.abort();
            assert!(end.await.unwrap_err().is_cancelled());
        }
        assert_eq!(store.pool_status().waiting, 0);
        holder.unlock().await;
        assert_eq!(store.load::<u32>(&id).await.unwrap().unwrap().data, 2);
    });
}

#[test]
fn dropped_lock_rolls_back_and_unlocks() {
    run(async |database| {
        let store = builder(database).pool_size(2).connect().await.unwrap();
        let id = create(&store, 1_u32).await.id().clone();
        for _ in 0..3 {
            let (locked, is_locked) = oneshot::channel();
            let holder = tokio::spawn({
                let (store, id) = (store.clone(), id.clone());
                let work = async move |session: &mut Session<u32>| {
                    session.data = 99;
                    locked.send(()).unwrap();
                    std::future::pending::<Result<(), Error>>().await
                };
                async move { store.with_locked(&id, PATIENCE, work).await }
            });
            is_locked.await.unwrap();
            holder.abort();
            assert!(holder.await.unwrap_err().is_cancelled());
            // The only connection for changes has rolled back before it serves the next call.
            let session = updated(store.update(&id, |n: &mut u32| *n += 1).await);
            assert!(session.data < 99);
        }
        assert_eq!(store.load::<u32>(&id).await.unwrap().unwrap().data, 4);
    });
}

/// Polls a future when it is woken, but only so often. Returns true if it was ready by then.
async fn drop_after(polls: u32, future: impl Future<Output = ()>) -> bool {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if future.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        left -= 1;
        if left == 0 {
            Poll::Ready(false)
        } else {
            Poll::Pending
        }
    })
    .await
}

/// A call with the outcome left out.
type AnyCall<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
type MakeCall = fn(&Store, Session<u32>) -> AnyCall<'_>;

/// Each kind of call, on a session of a user.
const CALLS: [(&str, MakeCall); 17] = [
    ("load", |store, session| {
        Box::pin(async move { drop(store.load::<u32>(session.id()).await) })
    }),
    ("peek", |store, session| {
        Box::pin(async move { drop(store.peek::<u32>(session.id()).await) })
    }),
    ("touch", |store, session| {
        Box::pin(async move { drop(store.touch(session.id()).await) })
    }),
    ("info", |store, session| {
        Box::pin(async move { drop(store.info(session.id()).await) })
    }),
    ("user_sessions", |store, _| {
        Box::pin(async move { drop(store.user_sessions("ada").await) })
    }),
    ("count", |store, _| {
        Box::pin(async move { drop(store.count().await) })
    }),
    ("create", |store, _| {
        Box::pin(async move { drop(store.create(1, &SessionAttributes::new()).await) })
    }),
    ("save", |store, mut session| {
        session.data += 1;
        Box::pin(async move { drop(store.save(&mut session).await) })
    }),
    ("update", |store, session| {
        Box::pin(async move { drop(store.update(session.id(), |n: &mut u32| *n += 1).await) })
    }),
    ("with_locked", |store, session| {
        Box::pin(async move {
            let work = async |session: &mut Session<u32>| {
                tokio::task::yield_now().await;
                session.data += 1;
                Ok::<_, Error>(())
            };
            drop(store.with_locked(session.id(), PATIENCE, work).await);
        })
    }),
    ("rotate", |store, mut session| {
        Box::pin(async move { drop(store.rotate(&mut session, Duration::ZERO).await) })
    }),
    ("login", |store, mut session| {
        Box::pin(async move {
            let attributes = SessionAttributes::new();
            drop(store.login(&mut session, "bob", &attributes).await);
        })
    }),
    ("logout", |store, mut session| {
        Box::pin(async move { drop(store.logout(&mut session).await) })
    }),
    ("end", |store, session| {
        Box::pin(async move { drop(store.end(session.id()).await) })
    }),
    ("end_user_sessions", |store, session| {
        Box::pin(async move { drop(store.end_user_sessions("ada", Some(session.id())).await) })
    }),
    ("prune", |store, _| {
        Box::pin(async move { drop(store.prune(10).await) })
    }),
    ("listen", |store, _| {
        Box::pin(async move { drop(store.listen().await) })
    }),
];

/// Makes these calls, each until one poll, two, and so on until it is made. `store` is asked for the store of each call. After each,
/// the only connection for reads and the only one for changes are usable.
async fn drop_at_each_await(
    database: &TestDatabase,
    calls: impl Iterator<Item = (&str, MakeCall)>,
    mut store: impl FnMut() -> Store,
) {
    let other = connect(database).await;
    for (name, call) in calls {
        for polls in 1.. {
            assert!(polls < 200, "{name} does not end");
            let attributes = SessionAttributes::new().user_id("ada");
            let session = other.create(1_u32, &attributes).await.unwrap();
            let id = session.id().clone();
            let store = store();
            let is_made = drop_after(polls, call(&store, session)).await;
            let next_calls = async {
                let mut next = create(&store, 7_u32).await;
                next.data = 8;
                assert_eq!(store.save(&mut next).await.unwrap(), SaveOutcome::Saved);
                let loaded = store.load::<u32>(next.id()).await.unwrap();
                assert_eq!(loaded.unwrap().data, 8);
                assert!(store.end(next.id()).await.unwrap());
                until_idle(&store).await;
            };
            let in_time = timeout(PATIENCE, next_calls).await;
            assert!(in_time.is_ok(), "{name} dropped after {polls} polls");
            if let Some(session) = other.load::<u32>(&id).await.unwrap() {
                let adds_one = matches!(name, "save" | "update" | "with_locked");
                let changed = 1 + u32::from(adds_one);
                assert!((1..=changed).contains(&session.data), "{name}");
                assert!(!is_made || session.data == changed, "{name} was lost");
            } else {
                let ends = matches!(name, "rotate" | "login" | "logout" | "end");
                assert!(ends, "{name} ended the session");
            }
            if is_made {
                break;
            }
        }
    }
}

#[test]
fn call_dropped_at_each_await_leaves_every_connection_usable() {
    run(async |database| {
        for variant in VARIANTS {
            let store = variant(builder(database)).pool_size(2).build().unwrap();
            drop_at_each_await(database, CALLS.into_iter(), || store.clone()).await;
            let status = store.pool_status();
            assert_eq!((status.open, status.idle, status.waiting), (2, 2, 0));
        }
    });
}

// Each call has a store of its own, so it connects and prepares its statement.
#[test]
fn call_dropped_while_it_connects_leaves_every_connection_usable() {
    run_on(&TestDatabase::direct(), async |database| {
        let store = || builder(database).pool_size(2).build().unwrap();
        let one_of_each_way = CALLS.into_iter().filter(|(name, _)| {
            matches!(
                *name,
                "info" | "load" | "save" | "end" | "with_locked" | "listen"
            )
        });
        drop_at_each_await(database, one_of_each_way, store).await;
        outside(|| database.wait_until_disconnected());
    });
}

// The connection for changes is in use. A call that waits for it is dropped, and has done nothing.
#[test]
fn call_dropped_while_it_waits_for_connection_has_done_nothing() {
    run(async |database| {
        for variant in VARIANTS {
            let store = variant(builder(database)).pool_size(2).build().unwrap();
            let busy = create(&store, 1_u32).await.id().clone();
            let attributes = SessionAttributes::new().user_id("ada");
            let session = store.create(1_u32, &attributes).await.unwrap();
            let holder = Holder::lock(&store, &busy).await;
            for (name, call) in CALLS {
                let waits = !matches!(
                    name,
                    "load" | "peek" | "touch" | "info" | "user_sessions" | "update" | "listen"
                );
                if waits {
                    let is_made = drop_after(1, call(&store, session.clone())).await;
                    assert!(!is_made, "{name} did not wait");
                }
            }
            assert_eq!(store.pool_status().waiting, 0);
            holder.unlock().await;
            let loaded = store.load::<u32>(session.id()).await.unwrap().unwrap();
            assert_eq!((loaded.data, loaded.version()), (1, session.version()));
            assert_eq!(store.count().await.unwrap(), 2);
            assert!(store.end(session.id()).await.unwrap());
            assert!(store.end(&busy).await.unwrap());
            until_idle(&store).await;
        }
    });
}

#[test]
fn dropped_connect_leaves_no_place_taken() {
    run(async |database| {
        let store = builder(database).pool_size(2).build().unwrap();
        for polls in 0..8 {
            drop_soon(polls, store.count()).await;
            drop_soon(polls, store.user_sessions("4711")).await;
        }
        assert_eq!(store.count().await.unwrap(), 0);
        assert!(store.user_sessions("4711").await.unwrap().is_empty());
        let session = create(&store, 1_u32).await;
        assert!(store.end(session.id()).await.unwrap());
    });
}
