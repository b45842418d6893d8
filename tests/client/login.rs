//! Logging in with a session or without: `login_or_create`, and the attributes of a login.

use std::time::Duration;

use crate::support::test_database::{TestDatabase, create};
use connect_pg::{
    EndReason, RotateOutcome, Session, SessionAttributes, SessionId, SessionState, Store,
};

fn load(store: &Store, id: &SessionId) -> Option<Session<i32>> {
    store.load(id).unwrap()
}

fn login(store: &Store, id: Option<&SessionId>, user_id: &str) -> (SessionId, i32) {
    let attributes = SessionAttributes::new();
    let session = store
        .login_or_create(id, user_id, &attributes, || 0)
        .unwrap();
    assert_eq!(session.user_id(), Some(user_id));
    assert_eq!(load(store, session.id()).unwrap().user_id(), Some(user_id));
    (session.id().clone(), session.data)
}

#[test]
fn login_without_live_session_creates_one() {
    let database = TestDatabase::new();
    let store = database.store();
    let unknown = SessionId::generate().unwrap();
    let ended = create(&store, 1).id().clone();
    assert!(store.end(&ended).unwrap());
    for id in [None, Some(&unknown), Some(&ended)] {
        let (new, data) = login(&store, id, "ada");
        assert_eq!(data, 0);
        assert_ne!(Some(&new), id);
    }
}

#[test]
fn login_with_session_keeps_data_under_new_id() {
    let database = TestDatabase::new();
    let store = database.store();
    let anonymous = create(&store, 7).id().clone();
    let (ada, data) = login(&store, Some(&anonymous), "ada");
    assert_eq!(data, 7);
    assert_ne!(ada, anonymous);
    assert_eq!(
        store.info(&anonymous).unwrap().state(),
        SessionState::Ended(EndReason::Rotated)
    );
    let (again, data) = login(&store, Some(&ada), "ada");
    assert_eq!(data, 7);
    assert_ne!(again, ada);
    assert_eq!(store.user_sessions("ada").unwrap().len(), 1);
}

#[test]
fn login_with_session_of_another_user_ends_it() {
    let database = TestDatabase::new();
    let store = database.store();
    let (ada, _) = login(&store, Some(create(&store, 7).id()), "ada");
    let (bob, data) = login(&store, Some(&ada), "bob");
    assert_eq!(data, 0);
    assert_ne!(bob, ada);
    assert!(load(&store, &ada).is_none());
    assert_eq!(store.user_sessions("ada").unwrap().len(), 0);
}

#[test]
fn login_with_attributes_of_another_user_is_refused() {
    let database = TestDatabase::new();
    let store = database.store();
    let mut session = create(&store, 1);
    let bob = SessionAttributes::new().user_id("bob");
    let error = store.login(&mut session, "ada", &bob).unwrap_err();
    assert!(error.is_invalid_argument(), "{error}");
    let error = store.login_or_create(None, "ada", &bob, || 0).unwrap_err();
    assert!(error.is_invalid_argument(), "{error}");
    assert_eq!(
        store.login(&mut session, "bob", &bob).unwrap(),
        RotateOutcome::Rotated
    );
}

#[test]
fn expires_in_is_idle_timeout_after_each_use() {
    let database = TestDatabase::new();
    let store = database.store();
    let hour = Duration::from_secs(3600);
    let attributes = SessionAttributes::new().idle_timeout(hour);
    let mut session = store.create(1, &attributes).unwrap();
    assert_eq!((session.expires_in(), session.max_age()), (hour, 3600));
    let _ = store
        .login(&mut session, "ada", &attributes.idle_timeout(2 * hour))
        .unwrap();
    assert_eq!((session.expires_in(), session.max_age()), (2 * hour, 7200));
    let loaded = load(&store, session.id()).unwrap();
    assert!(loaded.expires_in() <= 2 * hour);
    assert!(loaded.expires_in() > hour);
}
