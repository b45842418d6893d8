//! The promises of the store about a session, each tested once, as the runtime role.

use std::net::{IpAddr, Ipv6Addr};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::support::case::case;
use crate::support::test_database::{TestDatabase, create, updated};
use connect_pg::{Error, SaveOutcome, Session, SessionAttributes, Store, UpdateOutcome};
use serde_json::{Value, json};

#[test]
fn created_session_loads() {
    let database = TestDatabase::new();
    let store = database.store();
    let created = store
        .create(
            json!({"cart": [1, 2]}),
            &SessionAttributes::new().user_id("4711"),
        )
        .unwrap();
    assert!(created.handle().is_some());

    let loaded = store.load::<Value>(created.id()).unwrap().unwrap();
    assert_eq!(loaded.id(), created.id());
    assert_eq!(loaded.data, json!({"cart": [1, 2]}));
    assert_eq!(loaded.user_id(), Some("4711"));
    assert_eq!(created.user_id(), Some("4711"));
    assert_eq!(loaded.version(), created.version());
    assert_eq!(loaded.expires_at(), created.expires_at());
    assert!(loaded.expires_at() > SystemTime::now());
}

#[test]
fn stored_row_hides_session_id() {
    let database = TestDatabase::new();
    let session = create(&database.store(), ());
    let row = database
        .superuser()
        .query_one("select key, s::text from web.session as s", &[])
        .unwrap();
    assert_eq!(row.get::<_, Vec<u8>>(0), session.id().key().as_bytes());
    assert!(
        !row.get::<_, String>(1)
            .contains(session.id().as_cookie_value())
    );
}

#[test]
fn create_stores_all_attributes() {
    let database = TestDatabase::new();
    let new = SessionAttributes::new()
        .idle_timeout(Duration::from_mins(1))
        .absolute_timeout(Duration::from_mins(2))
        .user_id("ünsal")
        .client_address(Ipv6Addr::LOCALHOST)
        .user_agent("Mozilla/5.0")
        .label("the kitchen");
    let session = database.store().create((), &new).unwrap();
    let row = database
        .superuser()
        .query_one(
            "select user_id, client_address, user_agent, label, expires_at, handle,
                 extract(epoch from expires_at - created_at)::integer,
                 extract(epoch from absolute_expires_at - created_at)::integer
             from web.session",
            &[],
        )
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "ünsal");
    assert_eq!(row.get::<_, IpAddr>(1), Ipv6Addr::LOCALHOST);
    assert_eq!(row.get::<_, &str>(2), "Mozilla/5.0");
    assert_eq!(row.get::<_, &str>(3), "the kitchen");
    assert_eq!(row.get::<_, SystemTime>(4), session.expires_at());
    assert_eq!(Some(row.get(5)), session.handle());
    assert_eq!((row.get(6), row.get(7)), (60, 120));
}

type MakeGone<'a> = &'a dyn Fn(&Session<i32>);

#[test]
fn session_that_is_not_live_is_gone_for_every_call() {
    let database = TestDatabase::new();
    let store = database.store();
    let execute = |sql| database.superuser().batch_execute(sql).unwrap();
    let end = |session: &Session<i32>| assert!(store.end(session.id()).unwrap());
    let delete = |_: &Session<i32>| execute("delete from web.session");
    let expire = |_: &Session<i32>| {
        execute(
            "update web.session set expires_at = now() - interval '1 s', slide_at = now() - interval '1 s'",
        );
    };
    let cases: [(&str, MakeGone<'_>); 3] =
        [("unknown", &delete), ("ended", &end), ("expired", &expire)];
    for (name, make_gone) in cases {
        case(name, || {
            let mut session = create(&store, 1);
            make_gone(&session);
            session.data = 2;
            let id = session.id().clone();
            assert_eq!(store.save(&mut session).unwrap(), SaveOutcome::Gone);
            assert!(store.load::<i32>(&id).unwrap().is_none());
            assert!(store.peek::<i32>(&id).unwrap().is_none());
            assert_eq!(store.touch(&id).unwrap(), None);
            assert!(store.update(&id, |_: &mut i32| ()).unwrap().is_gone());
            assert!(!store.end(&id).unwrap());
            assert_eq!(store.count().unwrap(), 0);
        });
    }
}

/// Returns what is stored under the id of a session.
fn stored(store: &Store, session: &Session<i32>) -> (i32, i64) {
    let stored = store.peek::<i32>(session.id()).unwrap().unwrap();
    (stored.data, stored.version())
}

// A client that changed 1 to 2 while another did the same must find a conflict: otherwise one of two counts is lost.
#[test]
fn save_after_concurrent_save_returns_conflict() {
    use SaveOutcome::{Conflict, Saved};

    let database = TestDatabase::new();
    let store = database.store();
    for (name, theirs, mine, outcome, kept) in [
        ("other data", None, 2, Saved, 2),
        ("the stored data", None, 1, Saved, 1),
        ("other data after another client", Some(2), 3, Conflict, 2),
        ("the data of another client", Some(2), 2, Conflict, 2),
    ] {
        case(name, || {
            let mut session = create(&store, 1);
            let before = session.version();
            if let Some(data) = theirs {
                let mut theirs = store.load::<i32>(session.id()).unwrap().unwrap();
                theirs.data = data;
                assert_eq!(store.save(&mut theirs).unwrap(), Saved);
            }
            session.data = mine;
            assert_eq!(store.save(&mut session).unwrap(), outcome);
            let is_written = outcome == Saved && mine != 1;
            assert_eq!(session.version() > before, is_written);
            // A second save must not succeed either.
            assert_eq!(store.save(&mut session).unwrap(), outcome);
            assert_eq!(stored(&store, &session).0, kept);
            if outcome == Saved {
                assert_eq!(stored(&store, &session).1, session.version());
            }
        });
    }
}

#[test]
fn load_touch_and_save_slide_and_peek_does_not() {
    let database = TestDatabase::new();
    let store = database.store();
    let mut session = create(&store, 1);
    let mut superuser = database.superuser();
    let mut nearly_expired = || {
        superuser
            .query_one(
                "update web.session set expires_at = now() + interval '1 min', slide_at = now() returning expires_at",
                &[],
            )
            .unwrap()
            .get::<_, SystemTime>(0)
    };

    let expiry = nearly_expired();
    assert_eq!(
        store
            .peek::<i32>(session.id())
            .unwrap()
            .unwrap()
            .expires_at(),
        expiry
    );
    assert!(
        store
            .load::<i32>(session.id())
            .unwrap()
            .unwrap()
            .expires_at()
            > expiry
    );
    let expiry = nearly_expired();
    assert!(store.touch(session.id()).unwrap().unwrap() > expiry);
    let expiry = nearly_expired();
    session.data = 2;
    assert_eq!(store.save(&mut session).unwrap(), SaveOutcome::Saved);
    assert!(session.expires_at() > expiry);
}

#[test]
fn expires_in_is_time_left_by_server_clock() {
    const IDLE: Duration = Duration::from_hours(2);
    let database = TestDatabase::new();
    let store = database.store();
    let attributes = SessionAttributes::new().idle_timeout(IDLE);
    let mut session = store.create(1, &attributes).unwrap();
    assert_eq!((session.expires_in(), session.max_age()), (IDLE, 7200));

    let make_slide_due = "update web.session set slide_at = now() - interval '1 second'";
    database.superuser().batch_execute(make_slide_due).unwrap();
    let loaded = store.load::<i32>(session.id()).unwrap().unwrap();
    assert_eq!((loaded.expires_in(), loaded.max_age()), (IDLE, 7200));
    database.superuser().batch_execute(make_slide_due).unwrap();
    session.data = 2;
    assert_eq!(store.save(&mut session).unwrap(), SaveOutcome::Saved);
    assert_eq!(session.expires_in(), IDLE);
    let _ = store.login(&mut session, "ada", &attributes).unwrap();
    assert_eq!(session.expires_in(), IDLE);

    // Less than two hours are left, in whole seconds.
    database
        .superuser()
        .batch_execute("update web.session set expires_at = now() + interval '1 hour', slide_at = now() + interval '1 hour'")
        .unwrap();
    let loaded = store.peek::<i32>(session.id()).unwrap().unwrap();
    assert!(loaded.expires_in() <= Duration::from_hours(1));
    assert_eq!(loaded.max_age(), loaded.expires_in().as_secs());
}

#[test]
fn count_returns_live_sessions() {
    let database = TestDatabase::new();
    let store = database.store();
    for n in 0..3 {
        create(&store, n);
    }
    assert_eq!(store.count().unwrap(), 3);
}

#[test]
fn prune_deletes_expired_sessions_in_batches() {
    let database = TestDatabase::new();
    let store = database.store();
    for n in 0..5 {
        create(&store, n);
    }
    database
        .superuser()
        .batch_execute(
            "update web.session set expires_at = now() - interval '2 days', slide_at = now() - interval '2 days',
                 prune_after = now() - interval '2 days'",
        )
        .unwrap();
    let live = create(&store, 5);
    // Each create prunes a few neighbors, so the number of the others varies.
    let left = || {
        database
            .superuser()
            .query_one("select count(*) from web.session", &[])
            .unwrap()
            .get::<_, i64>(0)
    };
    let expired = left() - 1;
    let mut deleted = 0;
    loop {
        let batch = store.prune(1).unwrap();
        assert!(!batch.is_busy());
        deleted += i64::from(batch.deleted());
        if batch.is_complete() {
            break;
        }
    }
    assert_eq!(deleted, expired);
    assert_eq!(left(), 1);
    assert!(store.load::<i32>(live.id()).unwrap().is_some());
}

#[test]
fn prune_beside_another_pruner_returns_busy() {
    let database = TestDatabase::new();
    let store = database.store();
    let mut client = database.client();
    let mut transaction = client.transaction().unwrap();
    assert!(
        !connect_pg::Store::on(&mut transaction)
            .prune(10)
            .unwrap()
            .is_busy()
    );
    let meanwhile = store.prune(10).unwrap();
    assert!(meanwhile.is_busy() && !meanwhile.is_complete());
    transaction.commit().unwrap();
    assert!(store.prune(10).unwrap().is_complete());
}

// If two clients add 1 to the same number, the second save finds its data stored already.
#[test]
fn update_after_conflict_applies_change_again() {
    let database = TestDatabase::new();
    let store = database.store();
    for (name, theirs) in [("another change", 10), ("an equal change", 1)] {
        case(name, || {
            let session = create(&store, 0);
            let mut tries = 0;
            let updated = updated(store.update(session.id(), |n: &mut i32| {
                tries += 1;
                if tries == 1 {
                    let mut other = store.load::<i32>(session.id()).unwrap().unwrap();
                    other.data += theirs;
                    assert_eq!(store.save(&mut other).unwrap(), SaveOutcome::Saved);
                }
                *n += 1;
            }));
            assert_eq!((tries, updated.data), (2, theirs + 1));
            assert_eq!(stored(&store, &session), (updated.data, updated.version()));
        });
    }
}

#[test]
fn update_after_eight_conflicts_locks_session() {
    let database = TestDatabase::new();
    let store = database.store();
    let session = create(&store, 0);
    let mut tries = 0;
    let updated = updated(store.update(session.id(), |n: &mut i32| {
        tries += 1;
        let theirs = store.update(session.id(), |n: &mut i32| *n += 10);
        if tries <= 8 {
            theirs.unwrap().updated().unwrap();
        } else {
            assert!(theirs.unwrap_err().is_locked());
        }
        *n += 1;
    }));
    assert_eq!((tries, updated.data), (9, 81));
    assert_eq!(store.load::<i32>(session.id()).unwrap().unwrap().data, 81);
}

#[test]
fn concurrent_updates_lose_no_change() {
    const CLIENTS: u32 = 8;
    const UPDATES: u32 = 25;
    let database = TestDatabase::new();
    let store = database.builder().pool_size(CLIENTS).connect().unwrap();
    let id = create(&store, 0_u32).id().clone();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                for _ in 0..UPDATES {
                    let session = store.update(&id, |n: &mut u32| *n += 1).unwrap();
                    assert!(session.updated().is_some());
                }
            });
        }
    });
    let stored = store.load::<u32>(&id).unwrap().unwrap().data;
    assert_eq!(stored, CLIENTS * UPDATES);
}

#[test]
fn schema_with_odd_name_serves_calls() {
    let database = TestDatabase::with("we\"b; drop schema", "UTF8");
    let store = database.store();
    let mut session = create(&store, 1);
    session.data = 2;
    assert_eq!(store.save(&mut session).unwrap(), SaveOutcome::Saved);
    assert_eq!(store.load::<i32>(session.id()).unwrap().unwrap().data, 2);

    let mut client = database.client();
    let borrowed = connect_pg::Store::on(&mut client)
        .schema(&database.schema)
        .unwrap();
    assert!(borrowed.end(session.id()).unwrap());
}

#[test]
fn clone_shares_pool() {
    let database = TestDatabase::new();
    let store = database.builder().pool_size(1).build().unwrap();
    let clone = store.clone();
    let session = create(&store, 1);
    drop(store);
    thread::spawn(move || assert!(clone.load::<i32>(session.id()).unwrap().is_some()))
        .join()
        .unwrap();
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
    let database = TestDatabase::new();
    let store = database.store();
    let session = create(&store, 1);
    let stored = || store.peek::<i32>(session.id()).unwrap().unwrap();
    let (before, changed) = updated(store.try_update(session.id(), |n: &mut i32| {
        *n += 1;
        Ok::<_, ApplicationError>(*n - 1)
    }));
    assert_eq!((before, changed.data), (1, 2));
    assert_eq!(stored().version(), changed.version());

    let result = store.try_update(session.id(), |n: &mut i32| {
        *n = 99;
        Err::<(), _>(ApplicationError::Declined)
    });
    assert!(matches!(result, Err(ApplicationError::Declined)));
    assert_eq!((stored().data, stored().version()), (2, changed.version()));

    // The ninth attempt runs under a lock, and its error changes nothing either.
    let mut other = stored();
    let mut calls = 0;
    let result = store.try_update(session.id(), |n: &mut i32| {
        calls += 1;
        if calls == 9 {
            return Err(ApplicationError::Declined);
        }
        other.data += 1;
        assert_eq!(store.save(&mut other)?, SaveOutcome::Saved);
        *n = 99;
        Ok(())
    });
    assert!(
        matches!(result, Err(ApplicationError::Declined)),
        "{result:?}"
    );
    assert_eq!(stored().data, 10);
    assert!(
        store.touch(session.id()).unwrap().is_some(),
        "the session is unlocked"
    );

    let result = store.try_update(session.id(), |_: &mut String| Ok::<_, ApplicationError>(()));
    assert!(matches!(result, Err(ApplicationError::Store(error)) if error.is_invalid_data()));

    store.end(session.id()).unwrap();
    let gone = store.try_update(session.id(), |_: &mut i32| {
        Err::<(), _>(ApplicationError::Declined)
    });
    assert!(matches!(gone, Ok(UpdateOutcome::Gone)));
}
