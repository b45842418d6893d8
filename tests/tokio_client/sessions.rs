//! The promises of the store about a session, each tested once, as the runtime role.

use std::time::{Duration, SystemTime};

use super::{VARIANTS, builder, connect, create, execute, run, run_on};
use crate::support::test_database::{TestDatabase, updated};
use connect_pg::tokio::Store;
use connect_pg::{
    Error, SaveOutcome, Session, SessionAttributes, SessionId, SessionState, UpdateOutcome,
};
use serde_json::{Value, json};

/// Runs a test with each variant of a store.
fn run_each_variant(mut test: impl AsyncFnMut(&TestDatabase, Store)) {
    for variant in VARIANTS {
        run(async |database| {
            let store = variant(builder(database)).connect().await.unwrap();
            test(database, store).await;
        });
    }
}

#[test]
fn session_lives_from_create_to_end() {
    run_each_variant(async |_, store| {
        let attributes = SessionAttributes::new().user_id("4711");
        let mut session = store
            .create(json!({"cart": [1]}), &attributes)
            .await
            .unwrap();
        assert!(session.handle().is_some());
        let id = session.id().clone();
        let loaded: Session<Value> = store.load(&id).await.unwrap().unwrap();
        assert_eq!(loaded.id(), &id);
        assert_eq!(
            (&loaded.data, loaded.user_id()),
            (&session.data, Some("4711"))
        );
        assert_eq!(loaded.version(), session.version());
        assert_eq!(loaded.expires_at(), session.expires_at());
        assert!(loaded.expires_at() > SystemTime::now());

        session.data = json!("other");
        assert_eq!(store.save(&mut session).await.unwrap(), SaveOutcome::Saved);
        assert!(session.version() > loaded.version());
        let peeked = store.peek::<Value>(&id).await.unwrap().unwrap();
        assert_eq!(
            (&peeked.data, peeked.version()),
            (&json!("other"), session.version())
        );
        assert_eq!(store.touch(&id).await.unwrap(), Some(session.expires_at()));
        assert_eq!(store.info(&id).await.unwrap().handle(), session.handle());
        assert_eq!(store.count().await.unwrap(), 1);

        assert!(store.end(&id).await.unwrap());
        assert!(
            !store.end(&id).await.unwrap(),
            "the session has ended already"
        );
        assert_eq!(store.save(&mut session).await.unwrap(), SaveOutcome::Gone);
        assert!(store.load::<Value>(&id).await.unwrap().is_none());
        assert!(store.peek::<Value>(&id).await.unwrap().is_none());
        assert_eq!(store.touch(&id).await.unwrap(), None);
        assert!(
            store
                .update(&id, |_: &mut Value| ())
                .await
                .unwrap()
                .is_gone()
        );
        assert!(matches!(
            store.info(&id).await.unwrap().state(),
            SessionState::Ended(_)
        ));
        assert_eq!(store.count().await.unwrap(), 0);
        assert!(store.prune(10).await.unwrap().is_complete());
    });
}

#[test]
fn unknown_id_is_gone_for_every_call() {
    run_each_variant(async |_, store| {
        let id = SessionId::generate().unwrap();
        assert!(store.load::<Value>(&id).await.unwrap().is_none());
        assert!(store.peek::<Value>(&id).await.unwrap().is_none());
        assert_eq!(store.touch(&id).await.unwrap(), None);
        assert!(
            store
                .update(&id, |_: &mut Value| ())
                .await
                .unwrap()
                .is_gone()
        );
        assert_eq!(
            store.info(&id).await.unwrap().state(),
            SessionState::Missing
        );
        assert!(!store.end(&id).await.unwrap());
    });
}

#[test]
fn save_after_concurrent_save_returns_conflict() {
    run(async |database| {
        let store = connect(database).await;
        let mut mine = create(&store, 1).await;
        let mut theirs = store.load::<i32>(mine.id()).await.unwrap().unwrap();
        theirs.data = 2;
        assert_eq!(store.save(&mut theirs).await.unwrap(), SaveOutcome::Saved);
        let before = mine.version();
        // The same change, too: two clients that count from 1 to 2 must come to 3.
        for data in [3, 2] {
            mine.data = data;
            assert_eq!(store.save(&mut mine).await.unwrap(), SaveOutcome::Conflict);
            assert_eq!(mine.version(), before, "a second save must not succeed");
        }
        assert_eq!(store.load::<i32>(mine.id()).await.unwrap().unwrap().data, 2);
    });
}

#[test]
fn load_touch_and_save_slide_and_peek_does_not() {
    run(async |database| {
        let store = connect(database).await;
        let mut session = create(&store, 1).await;
        let id = session.id().clone();
        let nearly_expired = async || {
            execute(
                database,
                "update web.session set expires_at = now() + interval '1 min', slide_at = now()",
            );
            store.peek::<i32>(&id).await.unwrap().unwrap().expires_at()
        };
        let expiry = nearly_expired().await;
        assert_eq!(
            store.peek::<i32>(&id).await.unwrap().unwrap().expires_at(),
            expiry
        );
        assert!(store.load::<i32>(&id).await.unwrap().unwrap().expires_at() > expiry);
        let expiry = nearly_expired().await;
        assert!(store.touch(&id).await.unwrap().unwrap() > expiry);
        let expiry = nearly_expired().await;
        session.data = 2;
        assert_eq!(store.save(&mut session).await.unwrap(), SaveOutcome::Saved);
        assert!(session.expires_at() > expiry);
    });
}

#[test]
fn update_after_conflict_applies_change_again() {
    run(async |database| {
        let store = connect(database).await;
        let id = create(&store, 0).await.id().clone();
        // The change of another client between the load and the save, by a synchronous store.
        let other = database.builder().build().unwrap();
        let mut tries = 0;
        let change = |n: &mut i32| {
            tries += 1;
            if tries == 1 {
                tokio::task::block_in_place(|| updated(other.update(&id, |n: &mut i32| *n += 1)));
            }
            *n += 1;
        };
        let session = updated(store.update(&id, change).await);
        assert_eq!((session.data, tries), (2, 2));
        assert_eq!(store.load::<i32>(&id).await.unwrap().unwrap().data, 2);
    });
}

#[test]
fn update_after_eight_conflicts_locks_session() {
    run(async |database| {
        let store = connect(database).await;
        let id = create(&store, 0).await.id().clone();
        let other = database.builder().build().unwrap();
        let mut tries = 0;
        let change = |n: &mut i32| {
            tries += 1;
            if tries <= 8 {
                tokio::task::block_in_place(|| updated(other.update(&id, |n: &mut i32| *n += 10)));
            }
            *n += 1;
        };
        let session = updated(store.update(&id, change).await);
        assert_eq!((tries, session.data), (9, 81));
        assert_eq!(store.load::<i32>(&id).await.unwrap().unwrap().data, 81);
    });
}

#[test]
fn concurrent_updates_lose_no_change() {
    const TASKS: u32 = 16;
    const UPDATES: u32 = 6;
    run_each_variant(async |_, store| {
        let id = create(&store, 0_u32).await.id().clone();
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (store, id) = (store.clone(), id.clone());
                tokio::spawn(async move {
                    for _ in 0..UPDATES {
                        updated(store.update(&id, |n: &mut u32| *n += 1).await);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let stored = store.load::<u32>(&id).await.unwrap().unwrap().data;
        assert_eq!(stored, TASKS * UPDATES);
    });
}

/// An error of the application.
#[derive(Debug)]
enum ApplicationError {
    Declined,
    Store(Error),
}

impl From<Error> for ApplicationError {
    fn from(error: Error) -> ApplicationError {
        ApplicationError::Store(error)
    }
}

#[test]
fn failed_update_changes_nothing() {
    run(async |database| {
        let store = connect(database).await;
        let session = create(&store, 1).await;
        let id = session.id();
        let (before, changed) = updated(
            store
                .try_update(id, |n: &mut i32| {
                    *n += 1;
                    Ok::<_, ApplicationError>(*n - 1)
                })
                .await,
        );
        assert_eq!((before, changed.data), (1, 2));
        let declined = store
            .try_update(id, |n: &mut i32| {
                *n = 99;
                Err::<(), _>(ApplicationError::Declined)
            })
            .await;
        assert!(matches!(declined, Err(ApplicationError::Declined)));
        let stored = store.peek::<i32>(id).await.unwrap().unwrap();
        assert_eq!((stored.data, stored.version()), (2, changed.version()));

        let other_type = store
            .try_update(id, |_: &mut String| Ok::<_, ApplicationError>(()))
            .await;
        assert!(
            matches!(other_type, Err(ApplicationError::Store(error)) if error.is_invalid_data())
        );
        store.end(id).await.unwrap();
        let gone = store
            .try_update(id, |_: &mut i32| Err::<(), _>(ApplicationError::Declined))
            .await;
        assert!(matches!(gone, Ok(UpdateOutcome::Gone)));
    });
}

#[test]
fn prune_deletes_expired_sessions() {
    run(async |database| {
        let store = connect(database).await;
        create(&store, 1).await;
        execute(
            database,
            "update web.session set expires_at = now() - interval '2 days', slide_at = now() - interval '2 days',
                 prune_after = now() - interval '2 days'",
        );
        let batch = store.prune(10).await.unwrap();
        assert_eq!(
            (batch.deleted(), batch.is_busy(), batch.is_complete()),
            (1, false, true)
        );
        assert!(store.prune(0).await.unwrap_err().is_invalid_argument());
    });
}

#[test]
fn data_and_attributes_that_do_not_fit_are_refused() {
    run(async |database| {
        let store = connect(database).await;
        let attributes = SessionAttributes::new();
        let mut session = create(&store, String::new()).await;
        session.data = "x".repeat(2 << 20);
        let too_large = store.save(&mut session).await.unwrap_err();
        assert!(
            too_large.is_too_large() && !too_large.is_outcome_unknown(),
            "{too_large}"
        );
        assert!(
            store
                .create("x".repeat(2 << 20), &attributes)
                .await
                .unwrap_err()
                .is_too_large()
        );
        assert!(
            store
                .load::<i32>(session.id())
                .await
                .unwrap_err()
                .is_invalid_data()
        );
        let no_seconds = attributes.clone().idle_timeout(Duration::from_millis(1));
        assert!(
            store
                .create(1, &no_seconds)
                .await
                .unwrap_err()
                .is_invalid_argument()
        );
        // The connections serve other calls.
        assert_eq!(
            store
                .load::<String>(session.id())
                .await
                .unwrap()
                .unwrap()
                .data,
            ""
        );
    });
}

#[test]
fn character_that_the_database_lacks_is_stored_in_ascii() {
    let database = TestDatabase::with("web", "LATIN1");
    run_on(&database, async |database| {
        let store = connect(database).await;
        let session = create(&store, "grün 🦀").await;
        let loaded = store.load::<String>(session.id()).await.unwrap().unwrap();
        assert_eq!(loaded.data, "grün 🦀");
        let changed = store
            .update(session.id(), |text: &mut String| text.push('🦀'))
            .await;
        assert_eq!(updated(changed).data, "grün 🦀🦀");
    });
}

#[test]
fn schema_with_odd_name_serves_calls() {
    let database = TestDatabase::with("we\"b; drop schema", "UTF8");
    run_on(&database, async |database| {
        let store = connect(database).await;
        let mut session = create(&store, 1).await;
        session.data = 2;
        assert_eq!(store.save(&mut session).await.unwrap(), SaveOutcome::Saved);
        assert_eq!(
            store.load::<i32>(session.id()).await.unwrap().unwrap().data,
            2
        );
    });
}
