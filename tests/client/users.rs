//! Sessions of users: lists, ends and limits.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, SystemTime};

use crate::support::proxy::Proxy;
use crate::support::test_database::{TestDatabase, create};
use connect_pg::{
    EndReason, Error, RotateOutcome, Session, SessionAttributes, SessionId, SessionState, Store,
};
use uuid::Uuid;

fn of_user(user_id: &str) -> SessionAttributes {
    SessionAttributes::new().user_id(user_id)
}

fn login(store: &Store, user_id: &str) -> Session<()> {
    store.create((), &of_user(user_id)).unwrap()
}

fn set(database: &TestDatabase, settings: &str) {
    database
        .superuser()
        .batch_execute(&format!("update web.settings set {settings}"))
        .unwrap();
}

fn state(store: &Store, id: &SessionId) -> SessionState {
    store.info(id).unwrap().state()
}

#[test]
fn user_sessions_lists_live_sessions() {
    let database = TestDatabase::new();
    let store = database.store();
    let phone = store
        .create(
            "s3cret",
            &of_user("4711")
                .client_address([192, 0, 2, 1])
                .user_agent("s3cret/".to_owned() + &"x".repeat(600))
                .label("s3cret phone"),
        )
        .unwrap();
    let laptop = login(&store, "4711");
    login(&store, "another");
    create(&store, ());

    let devices = store.user_sessions("4711").unwrap();
    let handles: Vec<_> = devices.iter().map(|device| Some(device.handle())).collect();
    assert_eq!(
        handles,
        [laptop.handle(), phone.handle()],
        "the last used first"
    );
    let [seen, known] = [&devices[0], &devices[1]];
    assert_eq!(known.client_address(), Some([192, 0, 2, 1].into()));
    assert_eq!(known.user_agent().map(str::len), Some(512));
    assert_eq!(known.label(), Some("s3cret phone"));
    assert_eq!(known.expires_at(), phone.expires_at());
    assert!(known.created_at() <= known.last_used_at());
    assert!(known.created_at() <= seen.created_at());
    assert!(known.expires_at() > SystemTime::now());
    assert_eq!(
        (seen.client_address(), seen.user_agent(), seen.label()),
        (None, None, None)
    );
    assert!(!format!("{devices:?}").contains("s3cret"));

    assert!(store.user_sessions("unknown").unwrap().is_empty());
    assert!(store.user_sessions("").unwrap().is_empty());
}

// A client in another language may store a network instead of an address.
#[test]
fn client_address_of_network_is_returned() {
    let database = TestDatabase::new();
    let store = database.store();
    login(&store, "4711");
    database
        .superuser()
        .batch_execute("update web.session set client_address = '192.0.2.0/24'")
        .unwrap();
    assert_eq!(
        store.user_sessions("4711").unwrap()[0].client_address(),
        Some([192, 0, 2, 0].into())
    );
}

#[test]
fn end_user_session_requires_own_user() {
    let database = TestDatabase::new();
    let store = database.store();
    let session = login(&store, "4711");
    let handle = session.handle().unwrap();
    assert!(!store.end_user_session("4712", handle).unwrap());
    assert!(!store.end_user_session("4711", Uuid::nil()).unwrap());
    assert!(store.load::<()>(session.id()).unwrap().is_some());

    assert!(store.end_user_session("4711", handle).unwrap());
    assert!(store.load::<()>(session.id()).unwrap().is_none());
    assert_eq!(
        state(&store, session.id()),
        SessionState::Ended(EndReason::Revoked)
    );
    assert!(!store.end_user_session("4711", handle).unwrap());
    assert!(store.user_sessions("4711").unwrap().is_empty());
}

#[test]
fn end_user_sessions_keeps_excepted_session() {
    let database = TestDatabase::new();
    let store = database.store();
    let sessions: Vec<_> = (0..4).map(|_| login(&store, "4711")).collect();
    let other = login(&store, "4712");
    assert_eq!(
        store
            .end_user_sessions("4711", Some(sessions[2].id()))
            .unwrap(),
        3
    );
    for (n, session) in sessions.iter().enumerate() {
        assert_eq!(store.load::<()>(session.id()).unwrap().is_some(), n == 2);
    }
    assert_eq!(store.end_user_sessions("4711", None).unwrap(), 1);
    assert_eq!(store.end_user_sessions("4711", None).unwrap(), 0);
    assert!(store.load::<()>(other.id()).unwrap().is_some());
}

// The login is not committed when the user logs out everywhere. It comes before or after, and ends in both cases.
#[test]
fn end_user_sessions_ends_concurrent_login() {
    let database = TestDatabase::new();
    let store = database.store();
    let visitor = create(&store, ());
    for with_session in [false, true] {
        let mut client = database.client();
        let mut transaction = client.transaction().unwrap();
        let under_way = Store::on(&mut transaction);
        let id = if with_session {
            let mut session = visitor.clone();
            assert_eq!(
                under_way
                    .login(&mut session, "4711", &SessionAttributes::new())
                    .unwrap(),
                RotateOutcome::Rotated
            );
            session.id().clone()
        } else {
            under_way.create((), &of_user("4711")).unwrap().id().clone()
        };
        thread::scope(|scope| {
            let everywhere = scope.spawn(|| store.end_user_sessions("4711", None).unwrap());
            database.wait_until_blocked(1);
            transaction.commit().unwrap();
            assert_eq!(everywhere.join().unwrap(), 1);
        });
        assert!(store.load::<()>(&id).unwrap().is_none());
    }
}

/// Logs in 32 times at once, half of them with an anonymous session. Returns the ids of the sessions and the refusals.
fn login_at_once(database: &TestDatabase, limit: Option<u32>) -> (Vec<SessionId>, Vec<Error>) {
    const LOGINS: u32 = 32;
    let store = database.builder().pool_size(16).connect().unwrap();
    let start = Barrier::new(LOGINS as usize);
    let login = |n: u32| {
        let (mut new, mut login) = (of_user("4711"), SessionAttributes::new());
        if let Some(limit) = limit {
            (new, login) = (new.max_sessions(limit), login.max_sessions(limit));
        }
        let session = n.is_multiple_of(2).then(|| create(&store, ()));
        start.wait();
        match session {
            None => store.create((), &new).map(|session| session.id().clone()),
            Some(mut session) => store.login(&mut session, "4711", &login).map(|rotated| {
                assert_eq!(rotated, RotateOutcome::Rotated);
                session.id().clone()
            }),
        }
    };
    let results: Vec<_> = thread::scope(|scope| {
        let login = &login;
        let threads: Vec<_> = (0..LOGINS).map(|n| scope.spawn(move || login(n))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let mut sessions = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(id) => sessions.0.push(id),
            Err(error) => sessions.1.push(error),
        }
    }
    sessions
}

#[test]
fn concurrent_logins_over_limit_leave_five_live() {
    let database = TestDatabase::new();
    let store = database.store();
    let (ids, refused) = login_at_once(&database, Some(5));
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(store.user_sessions("4711").unwrap().len(), 5);
    let (live, ended): (Vec<_>, Vec<_>) = ids
        .iter()
        .map(|id| state(&store, id))
        .partition(|state| *state == SessionState::Live);
    assert_eq!(live.len(), 5);
    assert!(
        ended
            .iter()
            .all(|state| *state == SessionState::Ended(EndReason::Evicted)),
        "{ended:?}"
    );
}

#[test]
fn concurrent_logins_over_limit_are_refused() {
    let database = TestDatabase::new();
    set(
        &database,
        "max_sessions_per_user = 5, reject_over_limit = true",
    );
    let (ids, refused) = login_at_once(&database, None);
    assert_eq!((ids.len(), refused.len()), (5, 27));
    for error in refused {
        assert!(
            error.is_session_limit() && !error.is_outcome_unknown() && !error.is_unavailable(),
            "{error}"
        );
        assert_eq!(error.code(), None);
    }
    for id in ids {
        assert_eq!(state(&database.store(), &id), SessionState::Live);
    }
}

#[test]
fn least_recently_used_session_is_evicted() {
    let database = TestDatabase::new();
    set(&database, "max_sessions_per_user = 2");
    let store = database.store();
    let (one, two) = (login(&store, "4711"), login(&store, "4711"));
    database
        .superuser()
        .execute(
            "update web.session set last_used_at = now() - interval '1 hour' where handle = $1",
            &[&two.handle()],
        )
        .unwrap();
    let three = login(&store, "4711");
    assert_eq!(
        [&one, &two, &three].map(|session| state(&store, session.id())),
        [
            SessionState::Live,
            SessionState::Ended(EndReason::Evicted),
            SessionState::Live
        ]
    );
    // 0 means no limit, whatever the setting is. An anonymous session has no limit.
    for _ in 0..3 {
        store.create((), &of_user("4711").max_sessions(0)).unwrap();
        store
            .create((), &SessionAttributes::new().max_sessions(1))
            .unwrap();
    }
    assert_eq!(store.user_sessions("4711").unwrap().len(), 5);
    // A second login in the same session adds none.
    let mut again = three;
    let same = SessionAttributes::new().max_sessions(5);
    assert_eq!(
        store.login(&mut again, "4711", &same).unwrap(),
        RotateOutcome::Rotated
    );
    assert_eq!(store.user_sessions("4711").unwrap().len(), 5);
}

#[test]
fn refused_login_keeps_transaction_and_session() {
    let database = TestDatabase::new();
    set(
        &database,
        "max_sessions_per_user = 1, reject_over_limit = true",
    );
    let store = database.store();
    let first = login(&store, "4711");
    let mut visitor = create(&store, "cart".to_owned());
    let id = visitor.id().clone();

    let mut client = database.client();
    let mut transaction = client.transaction().unwrap();
    let borrowed = Store::on(&mut transaction);
    assert!(
        borrowed
            .create((), &of_user("4711"))
            .unwrap_err()
            .is_session_limit()
    );
    let error = borrowed
        .login(&mut visitor, "4711", &SessionAttributes::new())
        .unwrap_err();
    assert!(error.is_session_limit(), "{error}");
    assert!(error.to_string().contains("reject_over_limit"), "{error}");
    assert_eq!((visitor.id(), visitor.user_id()), (&id, None));
    let other = borrowed.create((), &of_user("4712")).unwrap();
    transaction.commit().unwrap();

    assert!(store.load::<()>(other.id()).unwrap().is_some());
    assert!(store.load::<()>(first.id()).unwrap().is_some());
    let visitor = store.load::<String>(&id).unwrap().unwrap();
    assert_eq!((visitor.user_id(), visitor.data.as_str()), (None, "cart"));
}

// The second attempt must find the session of the first attempt, and count it once.
#[test]
fn session_with_lost_reply_counts_once() {
    for policy in ["true", "false"] {
        let database = TestDatabase::new();
        set(
            &database,
            &format!("max_sessions_per_user = 1, reject_over_limit = {policy}"),
        );
        let proxy = Proxy::to(&database);
        let store = proxy.builder(&database).pool_size(1).connect().unwrap();
        // The statement is prepared, so the next reply is that of the call.
        let warm = login(&store, "another");
        proxy.lose_next_reply();
        let session = login(&store, "4711");
        assert!(
            store.load::<()>(session.id()).unwrap().is_some(),
            "{policy}"
        );
        assert_eq!(store.user_sessions("4711").unwrap().len(), 1);
        let handle = store.user_sessions("4711").unwrap()[0].handle();
        assert_eq!(store.info(session.id()).unwrap().handle(), Some(handle));

        let mut visitor = store.create((), &SessionAttributes::new()).unwrap();
        let _ = store
            .login(
                &mut store.create((), &SessionAttributes::new()).unwrap(),
                "third",
                &SessionAttributes::new(),
            )
            .unwrap();
        proxy.lose_next_reply();
        assert_eq!(
            store
                .login(&mut visitor, "fourth", &SessionAttributes::new())
                .unwrap(),
            RotateOutcome::Rotated
        );
        assert!(store.load::<()>(visitor.id()).unwrap().is_some());
        assert_eq!(store.user_sessions("fourth").unwrap().len(), 1);
        assert!(store.load::<()>(warm.id()).unwrap().is_some());
    }
}

#[test]
fn info_describes_each_state() {
    let database = TestDatabase::new();
    let store = database.store();
    let new = of_user("4711")
        .client_address([192, 0, 2, 1])
        .label("s3cret");
    let live = store.create((), &new.user_agent("s3cret")).unwrap();
    let info = store.info(live.id()).unwrap();
    assert_eq!(info.state(), SessionState::Live);
    assert_eq!(info.handle(), live.handle());
    assert_eq!(info.user_id(), Some("4711"));
    assert_eq!(info.expires_at(), Some(live.expires_at()));
    assert_eq!(info.client_address(), Some([192, 0, 2, 1].into()));
    assert_eq!(
        (info.user_agent(), info.label()),
        (Some("s3cret"), Some("s3cret"))
    );
    assert!(info.created_at() <= info.last_used_at());
    assert!(info.absolute_expires_at() > info.expires_at());
    assert!(!format!("{info:?}").contains("s3cret"));

    let missing = store.info(&SessionId::generate().unwrap()).unwrap();
    assert_eq!(missing.state(), SessionState::Missing);
    assert_eq!(
        (missing.handle(), missing.user_id(), missing.expires_at()),
        (None, None, None)
    );
    assert_eq!(
        (missing.created_at(), missing.absolute_expires_at()),
        (None, None)
    );

    assert!(store.end(live.id()).unwrap());
    let ended = store.info(live.id()).unwrap();
    assert_eq!(ended.state(), SessionState::Ended(EndReason::Logout));
    assert_eq!((ended.expires_at(), ended.label()), (None, None));

    let mut rotated = create(&store, ());
    let old = rotated.id().clone();
    let _ = store.rotate(&mut rotated, Duration::ZERO).unwrap();
    assert_eq!(state(&store, &old), SessionState::Ended(EndReason::Rotated));
    assert_eq!(state(&store, rotated.id()), SessionState::Live);

    let expired = create(&store, ());
    database
        .superuser()
        .execute(
            "update web.session set expires_at = now() - interval '1 second', slide_at = '-infinity' where handle = $1",
            &[&expired.handle()],
        )
        .unwrap();
    assert_eq!(state(&store, expired.id()), SessionState::Expired);
    assert!(store.load::<()>(expired.id()).unwrap().is_none());
}

#[test]
fn invalid_user_id_is_refused_before_any_call() {
    let database = TestDatabase::new();
    let mut client = database.client();
    let mut transaction = client.transaction().unwrap();
    let store = Store::on(&mut transaction);
    let mut session = store.create((), &SessionAttributes::new()).unwrap();
    for bad in [String::new(), "a\0".to_owned(), "x".repeat(1025)] {
        for error in [
            store.create((), &of_user(&bad)).unwrap_err(),
            store
                .login(&mut session, &bad, &SessionAttributes::new())
                .unwrap_err(),
        ] {
            assert!(
                error.is_invalid_argument() && error.code().is_none(),
                "{error}"
            );
        }
    }
    assert!(store.user_sessions("\0").unwrap_err().is_invalid_argument());
    let error = store.end_user_session("\0", Uuid::nil()).unwrap_err();
    assert!(error.is_invalid_argument());
    let error = store.end_user_sessions("\0", None).unwrap_err();
    assert!(error.is_invalid_argument());
    let limit = of_user("4711").max_sessions(u32::MAX);
    assert!(store.create((), &limit).unwrap_err().is_invalid_argument());
    assert_eq!(
        store
            .login(&mut session, &"x".repeat(1024), &SessionAttributes::new())
            .unwrap(),
        RotateOutcome::Rotated
    );
    transaction.commit().unwrap();
}
