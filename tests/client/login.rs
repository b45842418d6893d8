//! Logging in with a session or without: `login_or_create`, and the attributes of a login.

use crate::support::case::case;
use crate::support::test_database::{TestDatabase, create};
use connect_pg::{EndReason, RotateOutcome, SessionAttributes, SessionId, SessionState};

#[test]
fn login_or_create_keeps_data_of_anonymous_and_own_session() {
    let database = TestDatabase::new();
    let store = database.store();
    let ended = create(&store, 7).id().clone();
    assert!(store.end(&ended).unwrap());
    let anonymous = create(&store, 7).id().clone();
    let [own, of_another] = ["ada", "bob"].map(|user| {
        store
            .create(7, &SessionAttributes::new().user_id(user))
            .unwrap()
            .id()
            .clone()
    });
    let unknown = SessionId::generate().unwrap();
    let rotated = SessionState::Ended(EndReason::Rotated);
    let logged_out = SessionState::Ended(EndReason::Logout);
    for (name, id, data, state) in [
        ("no id", None, 0, None),
        ("unknown", Some(unknown), 0, Some(SessionState::Missing)),
        ("ended", Some(ended), 0, Some(logged_out)),
        ("anonymous", Some(anonymous), 7, Some(rotated)),
        ("own", Some(own), 7, Some(rotated)),
        ("of another user", Some(of_another), 0, Some(logged_out)),
    ] {
        case(name, || {
            let attributes = SessionAttributes::new().label("phone");
            let session = store
                .login_or_create(id.as_ref(), "ada", &attributes, || 0)
                .unwrap();
            assert_eq!((session.data, session.user_id()), (data, Some("ada")));
            let info = store.info(session.id()).unwrap();
            assert_eq!(
                (info.state(), info.user_id(), info.label()),
                (SessionState::Live, Some("ada"), Some("phone"))
            );
            // The visitor's old id loads nothing any more.
            assert_ne!(Some(session.id()), id.as_ref());
            let old = id.map(|id| store.info(&id).unwrap().state());
            assert_eq!(old, state);
        });
    }
    // Six logins, of which one replaced an own session.
    assert_eq!(store.user_sessions("ada").unwrap().len(), 6);
    assert!(store.user_sessions("bob").unwrap().is_empty());
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
