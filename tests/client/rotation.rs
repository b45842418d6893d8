//! A session gets a new id by a rotation, a login or a logout.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, SystemTime};

use crate::support::case::case;
use crate::support::proxy::Proxy;
use crate::support::test_database::{TestDatabase, create};
use connect_pg::{
    EndReason, Error, RotateOutcome, SaveOutcome, Session, SessionAttributes, SessionId,
    SessionState, Store,
};
use uuid::Uuid;

const NO_GRACE: Duration = Duration::ZERO;
const GRACE: Duration = Duration::from_mins(1);

/// The three calls that change the id.
type NewId = fn(&Store, &mut Session<u32>) -> Result<RotateOutcome, Error>;
const ID_CHANGES: [(&str, NewId); 3] = [
    ("rotate", |store, session| store.rotate(session, NO_GRACE)),
    ("login", |store, session| {
        store.login(session, "4711", &SessionAttributes::new())
    }),
    ("logout", |store, session| store.logout(session)),
];

fn for_each_id_change(mut run: impl FnMut(NewId)) {
    for (name, new_id) in ID_CHANGES {
        case(name, || run(new_id));
    }
}

#[track_caller]
fn assert_rotated(outcome: Result<RotateOutcome, Error>) {
    assert_eq!(outcome.unwrap(), RotateOutcome::Rotated);
}

fn load(store: &Store, id: &SessionId) -> Option<Session<u32>> {
    store.load(id).unwrap()
}

// Imported sessions have the ids of the other store.
#[test]
fn foreign_id_loads_and_rotates_to_own_id() {
    let database = TestDatabase::new();
    let store = database.store();
    database
        .client()
        .execute(
            "select web.set_session_data('koa:sess:äß 1', '7', null)",
            &[],
        )
        .unwrap();
    let old = SessionId::foreign("koa:sess:äß 1").unwrap();
    let mut session = load(&store, &old).unwrap();
    assert_eq!(session.data, 7);
    assert_rotated(store.rotate(&mut session, NO_GRACE));
    assert_eq!(session.id().as_cookie_value().len(), SessionId::LENGTH);
    assert!(load(&store, &old).is_none());
    assert_eq!(load(&store, session.id()).unwrap().data, 7);
    for bad in ["", "a\0", &"x".repeat(1025)] {
        assert!(SessionId::foreign(bad).is_err());
    }
}

#[test]
fn id_change_moves_session_to_new_id() {
    let database = TestDatabase::new();
    let store = database.store();
    for_each_id_change(|new_id| {
        let mut session = create(&store, 1);
        let old = session.clone();
        assert_rotated(new_id(&store, &mut session));
        assert_ne!(session.id(), old.id());
        assert_eq!(session.id().key().slot(), old.id().key().slot());
        assert_eq!(session.version(), old.version());
        assert!(session.expires_at() >= old.expires_at());

        let loaded = load(&store, session.id()).unwrap();
        assert_eq!(loaded.data, 1);
        assert_eq!(loaded.expires_at(), session.expires_at());
        assert_eq!(loaded.user_id(), session.user_id());
        session.data = 2;
        assert_eq!(store.save(&mut session).unwrap(), SaveOutcome::Saved);

        assert!(load(&store, old.id()).is_none());
        let mut late = old.clone();
        late.data = 3;
        assert_eq!(store.save(&mut late).unwrap(), SaveOutcome::Gone);
        assert_eq!(store.touch(old.id()).unwrap(), None);
        let state = store.info(old.id()).unwrap().state();
        assert_eq!(state, SessionState::Ended(EndReason::Rotated));
        assert_eq!(load(&store, session.id()).unwrap().data, 2);
    });
    assert_eq!(store.count().unwrap(), 3);
}

#[test]
fn login_and_logout_change_user_and_attributes() {
    let database = TestDatabase::new();
    let store = database.store();
    let new = SessionAttributes::new()
        .idle_timeout(Duration::from_mins(10))
        .absolute_timeout(Duration::from_hours(1))
        .user_agent("before")
        .label("before");
    let mut session = store.create(7, &new).unwrap();
    let handle = session.handle();
    let login = SessionAttributes::new()
        .idle_timeout(Duration::from_hours(10))
        .absolute_timeout(Duration::from_hours(100))
        .client_address([192, 0, 2, 1])
        .label("after");
    assert_rotated(store.login(&mut session, "4711", &login));
    assert_eq!(session.user_id(), Some("4711"));
    assert_eq!(session.handle(), handle);
    let info = store.info(session.id()).unwrap();
    assert_eq!((info.user_id(), info.handle()), (Some("4711"), handle));
    assert_eq!(info.client_address(), Some([192, 0, 2, 1].into()));
    assert_eq!(
        (info.user_agent(), info.label()),
        (Some("before"), Some("after"))
    );
    let left = |time: SystemTime| time.duration_since(info.created_at().unwrap()).unwrap();
    assert!(left(session.expires_at()) >= Duration::from_hours(10));
    assert!(left(info.absolute_expires_at().unwrap()) >= Duration::from_hours(100));

    assert_rotated(store.logout(&mut session));
    assert_eq!((session.user_id(), session.handle()), (None, None));
    let info = store.info(session.id()).unwrap();
    assert_eq!(info.user_id(), None);
    assert_ne!(info.handle(), handle);
    assert!(store.user_sessions("4711").unwrap().is_empty());
    assert_eq!(load(&store, session.id()).unwrap().data, 7);
}

#[test]
fn rotate_keeps_user_handle_and_timeouts() {
    let database = TestDatabase::new();
    let store = database.store();
    let new = SessionAttributes::new().user_id("4711").label("phone");
    let mut session = store.create(7, &new).unwrap();
    let before = store.info(session.id()).unwrap();
    assert_rotated(store.rotate(&mut session, NO_GRACE));
    let after = store.info(session.id()).unwrap();
    assert_eq!(after.handle(), before.handle());
    assert_eq!(session.handle(), before.handle());
    assert_eq!(
        (after.user_id(), after.label()),
        (Some("4711"), Some("phone"))
    );
    assert_eq!(after.created_at(), before.created_at());
    assert_eq!(after.absolute_expires_at(), before.absolute_expires_at());
}

// Session fixation: an id that an attacker planted must not lead to the session of the user, not even in a grace.
#[test]
fn planted_id_after_login_is_gone() {
    let database = TestDatabase::new();
    let store = database.store();
    let planted = create(&store, 1);
    // Not even if the planted id was rotated with grace before.
    let mut session = planted.clone();
    let _ = store.rotate(&mut session, GRACE).unwrap();
    assert!(load(&store, planted.id()).is_some());
    let between = session.id().clone();
    let _ = store
        .login(&mut session, "4711", &SessionAttributes::new())
        .unwrap();
    assert_eq!(load(&store, session.id()).unwrap().user_id(), Some("4711"));
    assert!(load(&store, &between).is_none());
    assert!(
        load(&store, planted.id()).is_none(),
        "the grace of an earlier rotation leads into the user's session"
    );
}

#[test]
fn old_id_in_grace_reads_only() {
    let database = TestDatabase::new();
    let store = database.store();
    let mut session = create(&store, 1);
    let old = session.id().clone();
    assert_rotated(store.rotate(&mut session, GRACE));
    session.data = 2;
    assert_eq!(store.save(&mut session).unwrap(), SaveOutcome::Saved);

    let mut read = load(&store, &old).unwrap();
    assert_eq!((read.data, read.id()), (2, &old));
    assert_eq!(store.peek::<u32>(&old).unwrap().unwrap().data, 2);
    read.data = 3;
    assert_eq!(store.save(&mut read).unwrap(), SaveOutcome::Gone);
    assert!(store.update(&old, |n: &mut u32| *n += 1).unwrap().is_gone());
    assert_eq!(store.touch(&old).unwrap(), None);
    assert_eq!(store.rotate(&mut read, GRACE).unwrap(), RotateOutcome::Gone);
    let login = SessionAttributes::new();
    assert_eq!(
        store.login(&mut read, "4711", &login).unwrap(),
        RotateOutcome::Gone
    );
    assert_eq!(store.logout(&mut read).unwrap(), RotateOutcome::Gone);
    assert_eq!((read.id(), read.user_id()), (&old, None));
    let locked = store.with_locked(&old, GRACE, |_: &mut Session<u32>| Ok::<_, Error>(()));
    assert!(locked.unwrap().is_gone());
    assert_eq!(load(&store, session.id()).unwrap().data, 2);

    // The grace ends.
    database
        .superuser()
        .batch_execute("update web.session set grace_until = now() where grace_until is not null")
        .unwrap();
    assert!(load(&store, &old).is_none());
}

#[test]
fn end_by_old_id_ends_session() {
    let database = TestDatabase::new();
    let store = database.store();
    for grace in [NO_GRACE, GRACE] {
        let mut session = create(&store, 1);
        let ids = [(); 3].map(|()| {
            let old = session.id().clone();
            assert_rotated(store.rotate(&mut session, grace));
            old
        });
        assert!(store.end(&ids[0]).unwrap());
        for id in ids.iter().chain([session.id()]) {
            assert!(load(&store, id).is_none());
        }
        assert!(!store.end(session.id()).unwrap());
    }
}

#[test]
fn id_change_of_ended_session_returns_gone() {
    let database = TestDatabase::new();
    let store = database.store();
    for_each_id_change(|new_id| {
        let mut session = create(&store, 1);
        assert!(store.end(session.id()).unwrap());
        let id = session.id().clone();
        assert_eq!(new_id(&store, &mut session).unwrap(), RotateOutcome::Gone);
        assert_eq!((session.id(), session.user_id()), (&id, None));
    });
    assert_eq!(store.count().unwrap(), 0);
}

// `Session::data` is a copy: under the new id, a save must still detect the change of another client.
#[test]
fn save_after_id_change_detects_conflict() {
    let database = TestDatabase::new();
    let store = database.store();
    for_each_id_change(|new_id| {
        let mut ours = create(&store, 1);
        let mut theirs = load(&store, ours.id()).unwrap();
        theirs.data = 2;
        assert_eq!(store.save(&mut theirs).unwrap(), SaveOutcome::Saved);
        assert_rotated(new_id(&store, &mut ours));
        ours.data = 3;
        assert_eq!(store.save(&mut ours).unwrap(), SaveOutcome::Conflict);
        assert_eq!(load(&store, ours.id()).unwrap().data, 2);
    });
}

#[test]
fn concurrent_id_changes_have_one_winner() {
    const CLIENTS: usize = 8;
    let database = TestDatabase::new();
    let store = database
        .builder()
        .pool_size(u32::try_from(CLIENTS).unwrap())
        .connect()
        .unwrap();
    for_each_id_change(|new_id| {
        let session = create(&store, 1);
        let start = Barrier::new(CLIENTS);
        let outcomes: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    scope.spawn(|| {
                        let mut session = session.clone();
                        start.wait();
                        let rotated = new_id(&store, &mut session).unwrap();
                        (rotated, load(&store, session.id()).is_some())
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let winners = outcomes
            .iter()
            .filter(|outcome| **outcome == (RotateOutcome::Rotated, true));
        assert_eq!(winners.count(), 1, "{outcomes:?}");
        assert!(
            outcomes
                .iter()
                .all(|(rotated, live)| *live == (*rotated == RotateOutcome::Rotated)),
            "{outcomes:?}"
        );
        assert!(store.end(session.id()).unwrap());
        assert_eq!(store.count().unwrap(), 0);
    });
}

#[test]
fn each_call_takes_one_round_trip() {
    let database = TestDatabase::new();
    let proxy = Proxy::to(&database);
    let store = proxy.builder(&database).pool_size(1).connect().unwrap();
    let calls: [fn(&Store, &mut Session<u32>); 7] = [
        |store, session| assert_rotated(store.rotate(session, GRACE)),
        |store, session| {
            assert_rotated(store.login(session, "4711", &SessionAttributes::new()));
        },
        |store, session| assert_rotated(store.logout(session)),
        |store, session| drop(store.info(session.id()).unwrap()),
        |store, _| drop(store.user_sessions("4711").unwrap()),
        |store, _| assert_eq!(store.end_user_sessions("4711", None).unwrap(), 0),
        |store, _| assert!(!store.end_user_session("4711", Uuid::nil()).unwrap()),
    ];
    let mut session = store.create(1, &SessionAttributes::new()).unwrap();
    for prepared in [false, true] {
        for (n, call) in calls.iter().enumerate() {
            let before = proxy.round_trips();
            call(&store, &mut session);
            let round_trips = proxy.round_trips() - before;
            assert!(round_trips == 1 || !prepared, "call {n}: {round_trips}");
        }
    }
}

#[test]
fn id_change_with_lost_reply_retries_with_same_id() {
    let database = TestDatabase::new();
    let proxy = Proxy::to(&database);
    let store = proxy.builder(&database).pool_size(1).connect().unwrap();
    for_each_id_change(|new_id| {
        let mut session = store.create(1, &SessionAttributes::new()).unwrap();
        // This prepares the statement, so the next reply is that of the call.
        assert_rotated(new_id(&store, &mut session));
        proxy.lose_next_reply();
        assert_rotated(new_id(&store, &mut session));
        let loaded = load(&store, session.id()).unwrap();
        assert_eq!(loaded.user_id(), session.user_id());
        assert_eq!(store.count().unwrap(), 1);
        assert!(store.end(session.id()).unwrap());
    });
}

#[test]
fn id_change_without_retry_returns_unknown_outcome() {
    for_each_id_change(|new_id| {
        let database = TestDatabase::new();
        let proxy = Proxy::to(&database);
        let store = proxy.builder(&database).pool_size(1).connect().unwrap();
        let mut session = store.create(1, &SessionAttributes::new()).unwrap();
        assert_rotated(new_id(&store, &mut session));
        let id = session.id().clone();
        proxy.lose_next_reply();
        proxy.refuse();
        let error = new_id(&store, &mut session).unwrap_err();
        assert!(
            error.is_unavailable() && error.is_outcome_unknown(),
            "{error}"
        );
        assert_eq!(session.id(), &id);
        // The change was executed, and an end by the old id ends the session all the same.
        assert!(database.store().end(&id).unwrap());
        assert_eq!(database.store().count().unwrap(), 0);
    });
}

#[test]
fn id_change_after_server_restart_succeeds() {
    let database = TestDatabase::new();
    let store = database.store();
    for_each_id_change(|new_id| {
        let mut session = create(&store, 1);
        database.terminate_connections();
        assert_rotated(new_id(&store, &mut session));
        assert!(load(&store, session.id()).is_some());
    });
}

#[test]
fn id_change_in_transaction_applies_on_commit() {
    let database = TestDatabase::new();
    let store = database.store();
    let session = create(&store, 1);
    let mut client = database.client();

    let mut lost = session.clone();
    let mut transaction = client.transaction().unwrap();
    let login = SessionAttributes::new();
    assert_rotated(Store::on(&mut transaction).login(&mut lost, "4711", &login));
    transaction.rollback().unwrap();
    assert!(load(&store, lost.id()).is_none());
    assert_eq!(load(&store, session.id()).unwrap().user_id(), None);

    let mut kept = session.clone();
    let mut transaction = client.transaction().unwrap();
    let borrowed = Store::on(&mut transaction);
    // The outcome "gone" does not abort the transaction.
    let mut gone = borrowed.create(1, &SessionAttributes::new()).unwrap();
    assert!(borrowed.end(gone.id()).unwrap());
    assert_eq!(
        borrowed.rotate(&mut gone, GRACE).unwrap(),
        RotateOutcome::Gone
    );
    assert_eq!(
        borrowed.login(&mut gone, "4711", &login).unwrap(),
        RotateOutcome::Gone
    );
    assert_eq!(borrowed.logout(&mut gone).unwrap(), RotateOutcome::Gone);
    assert_rotated(borrowed.login(&mut kept, "4711", &login));
    transaction.commit().unwrap();
    assert_eq!(load(&store, kept.id()).unwrap().user_id(), Some("4711"));
    assert!(load(&store, session.id()).is_none());
}

#[test]
fn grace_must_be_whole_seconds_up_to_a_minute() {
    let database = TestDatabase::new();
    let store = database.store();
    let mut session = create(&store, 1);
    for bad in [
        Duration::from_secs(61),
        Duration::from_millis(1),
        Duration::from_millis(59_999),
        Duration::MAX,
    ] {
        let error = store.rotate(&mut session, bad).unwrap_err();
        assert!(error.is_invalid_argument() && error.code().is_none());
    }
    for good in [NO_GRACE, Duration::from_secs(1), GRACE] {
        assert_rotated(store.rotate(&mut session, good));
    }
}

#[test]
fn id_change_in_task_is_refused() {
    let database = TestDatabase::new();
    let store = database.store();
    let mut session = create(&store, 1);
    let id = session.id().clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        for_each_id_change(|new_id| {
            let error = new_id(&store, &mut session).unwrap_err();
            assert!(error.is_async_context(), "{error}");
        });
        assert!(store.info(&id).unwrap_err().is_async_context());
        assert!(store.user_sessions("4711").unwrap_err().is_async_context());
    });
    assert_eq!(session.id(), &id);
}
