//! The store on a connection or a transaction of the application.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::{client, connect, create, outside, run};
use crate::support::test_database::updated;
use connect_pg::tokio::Store;
use connect_pg::{Error, SaveOutcome, Session, SessionAttributes, SessionId};

#[test]
fn rollback_undoes_create_and_end() {
    run(async |database| {
        let store = connect(database).await;
        let mut client = client(database).await;
        let attributes = SessionAttributes::new();

        let mut transaction = client.transaction().await.unwrap();
        let lost = Store::on(&mut transaction)
            .create(1, &attributes)
            .await
            .unwrap();
        transaction.rollback().await.unwrap();
        assert!(store.load::<i32>(lost.id()).await.unwrap().is_none());

        let mut transaction = client.transaction().await.unwrap();
        let kept = Store::on(&mut transaction)
            .create(1, &attributes)
            .await
            .unwrap();
        let before = store.load::<i32>(kept.id()).await.unwrap();
        assert!(before.is_none(), "visible before the commit");
        transaction.commit().await.unwrap();
        assert!(store.load::<i32>(kept.id()).await.unwrap().is_some());

        let mut transaction = client.transaction().await.unwrap();
        assert!(Store::on(&mut transaction).end(kept.id()).await.unwrap());
        drop(transaction);
        assert!(store.load::<i32>(kept.id()).await.unwrap().is_some());
    });
}

// The handlers of a web server are tasks that are spawned.
#[test]
fn borrowed_store_is_used_in_spawned_task() {
    run(async |database| {
        let store = connect(database).await;
        let id = create(&store, 1).await.id().clone();
        let mut client = client(database).await;
        let task = tokio::spawn({
            let id = id.clone();
            async move {
                let work = async |session: &mut Session<i32>| {
                    session.data += 1;
                    Ok::<_, Error>(())
                };
                let borrowed = Store::on(&mut client);
                updated(borrowed.with_locked(&id, Duration::ZERO, work).await);
                updated(borrowed.update(&id, |n: &mut i32| *n += 1).await);
                drop(borrowed);
                let mut transaction = client.transaction().await.unwrap();
                let borrowed = Store::on(&mut transaction);
                updated(borrowed.with_locked(&id, Duration::ZERO, work).await);
                updated(borrowed.update(&id, |n: &mut i32| *n += 1).await);
                drop(borrowed);
                transaction.commit().await.unwrap();
            }
        });
        task.await.unwrap();
        assert_eq!(store.load::<i32>(&id).await.unwrap().unwrap().data, 5);
    });
}

#[test]
fn outcome_leaves_transaction_usable() {
    run(async |database| {
        let store = connect(database).await;
        let mut conflicting = create(&store, 1).await;
        let mut gone = create(&store, 1).await;
        let mut theirs = store.load::<i32>(conflicting.id()).await.unwrap().unwrap();
        theirs.data = 2;
        assert_eq!(store.save(&mut theirs).await.unwrap(), SaveOutcome::Saved);
        assert!(store.end(gone.id()).await.unwrap());

        let mut client = client(database).await;
        let mut transaction = client.transaction().await.unwrap();
        let borrowed = Store::on(&mut transaction);
        (conflicting.data, gone.data) = (3, 3);
        let conflict = borrowed.save(&mut conflicting).await.unwrap();
        assert_eq!(conflict, SaveOutcome::Conflict);
        assert_eq!(borrowed.save(&mut gone).await.unwrap(), SaveOutcome::Gone);
        let unknown = SessionId::generate().unwrap();
        assert!(borrowed.load::<i32>(&unknown).await.unwrap().is_none());
        assert!(!borrowed.end(gone.id()).await.unwrap());
        let session = updated(
            borrowed
                .update(conflicting.id(), |n: &mut i32| *n += 1)
                .await,
        );
        assert_eq!(session.data, 3);
        transaction.commit().await.unwrap();
        let stored = store.load::<i32>(conflicting.id()).await.unwrap().unwrap();
        assert_eq!(stored.data, 3);
    });
}

#[test]
fn broken_borrowed_connection_returns_error_without_retry() {
    run(async |database| {
        let id = create(&connect(database).await, 1).await.id().clone();
        let mut client = client(database).await;
        outside(|| database.terminate_connections());
        let error = Store::on(&mut client).load::<i32>(&id).await.unwrap_err();
        assert!(
            error.is_unavailable() && !error.is_outcome_unknown(),
            "{error}"
        );
        let error = Store::on(&mut client).end(&id).await.unwrap_err();
        assert!(
            error.is_unavailable() && error.is_outcome_unknown(),
            "{error}"
        );
    });
}

#[test]
fn dropped_lock_on_borrowed_connection_rolls_back() {
    run(async |database| {
        let store = connect(database).await;
        let id = create(&store, 1_u32).await.id().clone();
        let mut client = client(database).await;
        let borrowed = Store::on(&mut client);
        let work = async |session: &mut Session<u32>| {
            session.data = 99;
            std::future::pending::<Result<(), Error>>().await
        };
        let lock = borrowed.with_locked(&id, Duration::from_mins(5), work);
        let dropped = tokio::time::timeout(Duration::from_millis(200), lock).await;
        assert!(dropped.is_err());
        assert_eq!(borrowed.count().await.unwrap(), 1);
        assert_eq!(
            updated(store.update(&id, |n: &mut u32| *n += 1).await).data,
            2
        );
        drop(borrowed);

        // In a transaction, what was done before it stays.
        let mut transaction = client.transaction().await.unwrap();
        let borrowed = Store::on(&mut transaction);
        let created = borrowed.create(5, &SessionAttributes::new()).await.unwrap();
        let lock = borrowed.with_locked(&id, Duration::from_mins(5), work);
        assert!(
            tokio::time::timeout(Duration::from_millis(200), lock)
                .await
                .is_err()
        );
        transaction.commit().await.unwrap();
        assert_eq!(
            store.load::<i32>(created.id()).await.unwrap().unwrap().data,
            5
        );
        assert_eq!(store.load::<u32>(&id).await.unwrap().unwrap().data, 2);
    });
}

/// Drops a future after so many polls, each of which had something to do. Returns true if it was ready before.
async fn drop_after(polls: u32, future: impl Future) -> bool {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[test]
fn lock_dropped_at_any_moment_leaves_transaction_usable() {
    run(async |database| {
        let id = create(&connect(database).await, 1_u32).await.id().clone();
        let mut client = client(database).await;
        for is_failing in [false, true] {
            for polls in 1.. {
                let mut transaction = client.transaction().await.unwrap();
                let borrowed = Store::on(&mut transaction);
                let work = async |session: &mut Session<u32>| {
                    session.data += 1;
                    let failure = || Err("".parse::<SessionId>().unwrap_err().into());
                    if is_failing {
                        failure()
                    } else {
                        Ok::<_, Error>(())
                    }
                };
                let lock = borrowed.with_locked(&id, Duration::from_mins(5), work);
                let is_ready = drop_after(polls, lock).await;
                borrowed.load::<u32>(&id).await.unwrap().unwrap();
                drop(borrowed);
                transaction.rollback().await.unwrap();
                if is_ready {
                    break;
                }
            }
        }
    });
}
