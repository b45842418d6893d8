//! Sessions under a lock.

use std::thread;
use std::time::Duration;

use super::{builder, client, connect, create, outside, run, runtime};
use crate::support::case::case;
use crate::support::server::quoted;
use crate::support::test_database::{TestDatabase, updated};
use crate::support::wait::wait_until;
use connect_pg::tokio::Store;
use connect_pg::{Error, RotateOutcome, SaveOutcome, Session, SessionAttributes, SessionId};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Long enough to mean "until the session is locked".
const PATIENCE: Duration = Duration::from_mins(5);

/// A task that holds the lock of a session, adds 1 to its data, and saves.
pub struct Holder {
    unlock: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Holder {
    /// Returns when the session is locked.
    pub async fn lock(store: &Store, id: &SessionId) -> Holder {
        let (locked, is_locked) = oneshot::channel();
        let (unlock, unlocked) = oneshot::channel();
        let (store, id) = (store.clone(), id.clone());
        let task = tokio::spawn(async move {
            let work = async move |session: &mut Session<u32>| {
                locked.send(()).unwrap();
                unlocked.await.unwrap();
                session.data += 1;
                Ok::<_, Error>(())
            };
            updated(store.with_locked(&id, PATIENCE, work).await);
        });
        is_locked.await.unwrap();
        Holder { unlock, task }
    }

    pub async fn unlock(self) {
        self.unlock.send(()).unwrap();
        self.task.await.unwrap();
    }
}

async fn load(store: &Store, id: &SessionId) -> u32 {
    store.load::<u32>(id).await.unwrap().unwrap().data
}

#[test]
fn with_locked_saves_change_and_returns_value() {
    run(async |database| {
        let store = connect(database).await;
        let id = create(&store, 1).await.id().clone();
        let work = async |session: &mut Session<u32>| {
            assert_eq!(session.id(), &id);
            tokio::task::yield_now().await;
            session.data += 1;
            Ok::<_, Error>(session.data - 1)
        };
        assert_eq!(updated(store.with_locked(&id, PATIENCE, work).await), 1);
        assert_eq!(load(&store, &id).await, 2);
        let unknown = SessionId::generate().unwrap();
        let work = async |_: &mut Session<u32>| -> Result<(), Error> { panic!("no session") };
        let gone = store.with_locked(&unknown, PATIENCE, work).await;
        assert!(gone.unwrap().is_gone());
    });
}

#[test]
fn locked_session_is_readable_and_second_lock_times_out() {
    run(async |database| {
        let store = connect(database).await;
        let id = create(&store, 1).await.id().clone();
        let holder = Holder::lock(&store, &id).await;
        assert_eq!(load(&store, &id).await, 1);
        assert_eq!(store.peek::<u32>(&id).await.unwrap().unwrap().data, 1);
        assert!(store.touch(&id).await.unwrap().is_some());
        let work =
            async |_: &mut Session<u32>| -> Result<(), Error> { panic!("two hold the lock") };
        let error = store
            .with_locked(&id, Duration::from_millis(50), work)
            .await
            .unwrap_err();
        assert!(error.is_locked() && !error.is_outcome_unknown(), "{error}");
        holder.unlock().await;
        assert_eq!(load(&store, &id).await, 2);
        // The connection that gave the error is in no transaction.
        let mut session = store.load::<u32>(&id).await.unwrap().unwrap();
        for data in 0..8 {
            session.data = data;
            assert_eq!(store.save(&mut session).await.unwrap(), SaveOutcome::Saved);
        }
        assert_eq!(load(&store, &id).await, 7);
    });
}

// The role's default would fail with 40001 after the wait.
#[test]
fn with_locked_on_borrowed_client_sees_change_of_lock_holder_in_any_default_isolation() {
    let database = TestDatabase::new();
    let role = quoted(&database.role);
    let threads = runtime();
    for isolation in ["read committed", "repeatable read"] {
        let set = format!("alter role {role} set default_transaction_isolation = '{isolation}'");
        database.superuser().batch_execute(&set).unwrap();
        let (store, id, holder) = threads.block_on(async {
            let store = connect(&database).await;
            let id = create(&store, 1_u32).await.id().clone();
            let holder = Holder::lock(&store, &id).await;
            (store, id, holder)
        });
        let lock_on_client = async || {
            let mut client = client(&database).await;
            let work = async |session: &mut Session<u32>| {
                session.data += 1;
                Ok::<_, Error>(())
            };
            let borrowed = Store::on(&mut client);
            updated(borrowed.with_locked(&id, PATIENCE, work).await);
        };
        thread::scope(|scope| {
            let waiting = scope.spawn(|| runtime().block_on(lock_on_client()));
            database.wait_until_blocked(1);
            threads.block_on(holder.unlock());
            waiting.join().unwrap();
        });
        assert_eq!(threads.block_on(load(&store, &id)), 3);
    }
}

#[test]
fn save_and_end_wait_for_lock_and_loads_do_not() {
    run(async |database| {
        let store = connect(database).await;
        let mut session = create(&store, 1).await;
        let id = session.id().clone();
        let others = [create(&store, 7).await, create(&store, 8).await];
        let holder = Holder::lock(&store, &id).await;
        session.data = 7;
        let saved = tokio::spawn({
            let store = store.clone();
            async move { store.save(&mut session).await.unwrap() }
        });
        outside(|| database.wait_until_blocked(1));
        let ended = tokio::spawn({
            let (store, id) = (store.clone(), id.clone());
            async move { store.end(&id).await.unwrap() }
        });
        outside(|| database.wait_until_blocked(2));
        // Calls on all other sessions go on, in any number, and so do the loads of this one.
        for _ in 0..50 {
            for (other, data) in others.iter().zip([7, 8]) {
                assert_eq!(load(&store, other.id()).await, data);
            }
            assert_eq!(load(&store, &id).await, 1);
        }
        for mut other in others {
            other.data += 1;
            assert_eq!(store.save(&mut other).await.unwrap(), SaveOutcome::Saved);
        }
        assert!(!saved.is_finished() && !ended.is_finished());
        holder.unlock().await;
        assert!(matches!(
            saved.await.unwrap(),
            SaveOutcome::Conflict | SaveOutcome::Gone
        ));
        assert!(ended.await.unwrap());
    });
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
    run(async |database| {
        let store = builder(database).pool_size(2).connect().await.unwrap();
        let id = create(&store, 1).await.id().clone();
        let declined = async |session: &mut Session<u32>| {
            session.data = 2;
            Err::<(), _>(Failure::Declined)
        };
        let error = store
            .with_locked(&id, PATIENCE, declined)
            .await
            .unwrap_err();
        assert!(matches!(error, Failure::Declined), "{error:?}");
        let panicked = tokio::spawn({
            let (store, id) = (store.clone(), id.clone());
            let work = async |session: &mut Session<u32>| -> Result<(), Error> {
                session.data = 3;
                panic!("a panic of the application");
            };
            async move { store.with_locked(&id, PATIENCE, work).await }
        });
        assert!(panicked.await.unwrap_err().is_panic());
        let other = builder(database).pool_size(4).connect().await.unwrap();
        let replaced = async |session: &mut Session<u32>| {
            *session = create(&other, 5).await;
            Ok::<_, Failure>(())
        };
        let error = other
            .with_locked(&id, PATIENCE, replaced)
            .await
            .unwrap_err();
        assert!(matches!(error, Failure::Store(error) if error.is_invalid_argument()));
        assert_eq!(load(&store, &id).await, 1);
        assert_eq!(
            updated(store.update(&id, |n: &mut u32| *n = 4).await).data,
            4
        );
    });
}

/// One of the calls that would wait for ever.
#[derive(Clone, Copy, Debug)]
enum Call {
    Save,
    Update,
    End,
    Rotate,
    Login,
    Logout,
    EndUserSessions,
    EndUserSession,
    WithLocked,
}

impl Call {
    const ALL: [Call; 9] = [
        Call::Save,
        Call::Update,
        Call::End,
        Call::Rotate,
        Call::Login,
        Call::Logout,
        Call::EndUserSessions,
        Call::EndUserSession,
        Call::WithLocked,
    ];

    async fn make(self, store: &Store, session: &mut Session<u32>) -> Result<(), Error> {
        let id = session.id().clone();
        match self {
            Call::Save => store.save(session).await.map(drop),
            Call::Update => store.update(&id, |n: &mut u32| *n += 1).await.map(drop),
            Call::End => store.end(&id).await.map(drop),
            Call::Rotate => store.rotate(session, Duration::ZERO).await.map(drop),
            Call::Login => {
                let attributes = SessionAttributes::new();
                store.login(session, "4711", &attributes).await.map(drop)
            }
            Call::Logout => store.logout(session).await.map(drop),
            Call::EndUserSessions => store.end_user_sessions("4711", None).await.map(drop),
            Call::EndUserSession => {
                let handle = session.handle().unwrap();
                store.end_user_session("4711", handle).await.map(drop)
            }
            Call::WithLocked => {
                let work = async |_: &mut Session<u32>| Ok::<_, Error>(());
                store.with_locked(&id, PATIENCE, work).await.map(drop)
            }
        }
    }
}

#[test]
fn self_deadlock_is_refused() {
    run(async |database| {
        let store = connect(database).await;
        let of_user = SessionAttributes::new().user_id("4711");
        let mut session = store.create(1, &of_user).await.unwrap();
        let mut other = store.create(1, &of_user).await.unwrap();
        let id = session.id().clone();
        session.data = 5;
        let work = async |locked: &mut Session<u32>| {
            for call in Call::ALL {
                let error = call.make(&store, &mut session).await.unwrap_err();
                assert!(
                    error.is_locked() && error.code().is_none(),
                    "{call:?}: {error}"
                );
            }
            // Calls that wait for no lock are allowed, and so are calls on other sessions.
            assert_eq!(load(&store, &id).await, 1);
            assert!(store.touch(&id).await.unwrap().is_some());
            let rotated = store.rotate(&mut other, Duration::ZERO).await?;
            assert_eq!(rotated, RotateOutcome::Rotated);
            assert!(store.end_user_sessions("4711", Some(&id)).await? >= 1);
            // A lock inside a lock is that of both sessions.
            let third = create(&store, 0).await;
            let inner = async |_: &mut Session<u32>| {
                for held in [&id, third.id()] {
                    assert!(store.end(held).await.unwrap_err().is_locked());
                }
                Ok::<_, Error>(())
            };
            updated(store.with_locked(third.id(), PATIENCE, inner).await);
            assert!(store.end(third.id()).await?);
            locked.data += 1;
            Ok::<_, Error>(())
        };
        updated(Box::pin(store.with_locked(&id, PATIENCE, work)).await);
        assert_eq!(load(&store, &id).await, 2);
        for call in [Call::Update, Call::WithLocked, Call::End] {
            session = store.load(&id).await.unwrap().unwrap();
            call.make(&store, &mut session).await.unwrap();
        }
    });
}

// As many locks as the pool allows, and in each of them a call that changes something.
#[test]
fn calls_inside_of_locks_get_a_connection() {
    run(async |database| {
        for size in [4, 8] {
            case(size, || ());
            let store = builder(database).pool_size(size).connect().await.unwrap();
            let mut tasks = Vec::new();
            for _ in 0..16 {
                let (locked, other) = (create(&store, 0).await, create(&store, 0).await);
                let store = store.clone();
                tasks.push(tokio::spawn(async move {
                    let work = async |session: &mut Session<u32>| {
                        session.data =
                            updated(store.update(other.id(), |n: &mut u32| *n += 1).await).data;
                        Ok::<_, Error>(())
                    };
                    updated(store.with_locked(locked.id(), PATIENCE, work).await);
                    load(&store, locked.id()).await
                }));
            }
            for task in tasks {
                assert_eq!(task.await.unwrap(), 1);
            }
        }
    });
}

#[test]
fn with_locked_on_borrowed_connection_commits_and_refuses_second_call() {
    run(async |database| {
        let store = connect(database).await;
        let id = create(&store, 1).await.id().clone();
        let mut client = super::client(database).await;
        let borrowed = Store::on(&mut client);
        let work = async |session: &mut Session<u32>| {
            assert!(borrowed.count().await.unwrap_err().is_invalid_argument());
            session.data += 1;
            Ok::<_, Error>(())
        };
        updated(borrowed.with_locked(&id, PATIENCE, work).await);
        assert_eq!(load(&store, &id).await, 2, "committed");
        let holder = Holder::lock(&store, &id).await;
        let work = async |_: &mut Session<u32>| Ok::<_, Error>(());
        let error = borrowed
            .with_locked(&id, Duration::from_millis(1), work)
            .await
            .unwrap_err();
        assert!(error.is_locked(), "{error}");
        holder.unlock().await;
        // The failed call leaves the connection usable and outside of a transaction.
        updated(borrowed.with_locked(&id, PATIENCE, work).await);
        assert_eq!(borrowed.count().await.unwrap(), 1);
    });
}

#[test]
fn with_locked_in_transaction_is_savepoint() {
    run(async |database| {
        let store = connect(database).await;
        let id = create(&store, 1).await.id().clone();
        let mut client = super::client(database).await;
        let mut transaction = client.transaction().await.unwrap();
        let borrowed = Store::on(&mut transaction);
        let created = borrowed.create(1, &SessionAttributes::new()).await.unwrap();
        let holder = Holder::lock(&store, &id).await;
        let nothing = async |_: &mut Session<u32>| Ok::<_, Error>(());
        let error = borrowed
            .with_locked(&id, Duration::from_millis(1), nothing)
            .await
            .unwrap_err();
        assert!(error.is_locked(), "{error}");
        holder.unlock().await;
        let declined = async |session: &mut Session<u32>| {
            session.data = 7;
            Err::<(), _>(Failure::Declined)
        };
        let declined = borrowed.with_locked(&id, PATIENCE, declined).await;
        assert!(matches!(declined, Err(Failure::Declined)));
        let change = async |session: &mut Session<u32>| {
            session.data += 1;
            Ok::<_, Error>(())
        };
        updated(borrowed.with_locked(&id, PATIENCE, change).await);
        // The lock is held until the transaction ends.
        let locked = store
            .with_locked(&id, Duration::from_millis(1), nothing)
            .await;
        assert!(locked.unwrap_err().is_locked());
        assert_eq!(load(&store, &id).await, 2);
        transaction.commit().await.unwrap();
        assert_eq!(load(&store, &id).await, 3);
        assert_eq!(load(&store, created.id()).await, 1);
    });
}

#[test]
fn blocked_calls_leave_connections_to_others() {
    run(async |database: &TestDatabase| {
        let store = builder(database).pool_size(4).connect().await.unwrap();
        let id = create(&store, 1).await.id().clone();
        let holder = Holder::lock(&store, &id).await;
        let blocked: Vec<_> = (0..8)
            .map(|_| {
                let (store, id) = (store.clone(), id.clone());
                tokio::spawn(async move { store.end(&id).await })
            })
            .collect();
        outside(|| database.wait_until_blocked(1));
        // A connection is left for calls that wait for no lock.
        let other = create(&store, 2).await;
        assert_eq!(load(&store, other.id()).await, 2);
        assert_eq!(store.count().await.unwrap(), 2);
        let work = async |_: &mut Session<u32>| Ok::<_, Error>(());
        let locked = store
            .with_locked(other.id(), Duration::from_millis(20), work)
            .await;
        assert!(locked.unwrap_err().is_locked());
        holder.unlock().await;
        let mut ended = 0;
        for task in blocked {
            ended += i32::from(task.await.unwrap().unwrap());
        }
        assert_eq!(ended, 1);
    });
}

/// Only what holds a connection of the same pool must get through.
#[test]
fn calls_under_a_lock_of_another_store_leave_a_place_too() {
    let (database, other) = (TestDatabase::new(), TestDatabase::new());
    super::run_on(&database, async |database| {
        // Three places for changes.
        let store = builder(database).pool_size(4).build().unwrap();
        let elsewhere = connect(&other).await;
        let session = create(&store, 1_u32).await;
        let holder = Holder::lock(&connect(database).await, session.id()).await;
        let mut ends = Vec::new();
        for _ in 0..3 {
            let id = create(&elsewhere, 1_u32).await.id().clone();
            let (store, elsewhere) = (store.clone(), elsewhere.clone());
            let ended = session.id().clone();
            ends.push(tokio::spawn(async move {
                let work = async |_: &mut Session<u32>| store.end(&ended).await;
                updated(elsewhere.with_locked(&id, PATIENCE, work).await)
            }));
        }
        outside(|| {
            database.wait_until_blocked(2);
            wait_until("the third waits", || store.pool_status().waiting == 1);
        });
        create(&store, 2_u32).await;
        holder.unlock().await;
        for end in ends {
            end.await.unwrap();
        }
    });
}
