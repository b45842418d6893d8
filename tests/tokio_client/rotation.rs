//! A session gets a new id by a rotation, a login or a logout.

use std::time::Duration;

use super::{connect, create, execute, run};
use connect_pg::tokio::Store;
use connect_pg::{
    EndReason, RotateOutcome, SaveOutcome, Session, SessionAttributes, SessionId, SessionState,
};

const GRACE: Duration = Duration::from_mins(1);

async fn load(store: &Store, id: &SessionId) -> Option<Session<u32>> {
    store.load(id).await.unwrap()
}

#[test]
fn rotated_session_keeps_data_and_old_id_loads_for_its_grace() {
    run(async |database| {
        let store = connect(database).await;
        for (grace, loads) in [(Duration::ZERO, false), (GRACE, true)] {
            let mut session = create(&store, 7).await;
            let (old, handle) = (session.id().clone(), session.handle());
            let rotated = store.rotate(&mut session, grace).await.unwrap();
            assert_eq!(rotated, RotateOutcome::Rotated);
            assert_ne!(session.id(), &old);
            assert_eq!(session.handle(), handle);
            assert_eq!(load(&store, session.id()).await.unwrap().data, 7);
            assert_eq!(load(&store, &old).await.is_some(), loads);
            session.data = 8;
            assert_eq!(store.save(&mut session).await.unwrap(), SaveOutcome::Saved);
        }
        let mut session = create(&store, 7).await;
        let too_long = store.rotate(&mut session, Duration::from_secs(61)).await;
        assert!(too_long.unwrap_err().is_invalid_argument());
        assert!(store.end(session.id()).await.unwrap());
        let gone = store.rotate(&mut session, GRACE).await.unwrap();
        assert_eq!(gone, RotateOutcome::Gone);
    });
}

#[test]
fn login_and_logout_change_id_and_user() {
    run(async |database| {
        let store = connect(database).await;
        let mut session = create(&store, 7).await;
        let (old, handle) = (session.id().clone(), session.handle());
        let attributes = SessionAttributes::new().label("phone");
        let outcome = store.login(&mut session, "ada", &attributes).await;
        assert_eq!(outcome.unwrap(), RotateOutcome::Rotated);
        assert_eq!((session.user_id(), session.handle()), (Some("ada"), handle));
        assert!(load(&store, &old).await.is_none());
        let info = store.info(session.id()).await.unwrap();
        assert_eq!((info.user_id(), info.label()), (Some("ada"), Some("phone")));
        let outcome = store
            .login(&mut session, "bob", &SessionAttributes::new())
            .await;
        assert_eq!(outcome.unwrap(), RotateOutcome::Rotated);
        assert_eq!(session.handle(), None, "it named another user's session");

        let old = session.id().clone();
        assert_eq!(
            store.logout(&mut session).await.unwrap(),
            RotateOutcome::Rotated
        );
        assert_eq!((session.user_id(), session.data), (None, 7));
        assert!(load(&store, &old).await.is_none());
        assert_eq!(load(&store, session.id()).await.unwrap().user_id(), None);
        let of_other = SessionAttributes::new().user_id("bob");
        let refused = store.login(&mut session, "ada", &of_other).await;
        assert!(refused.unwrap_err().is_invalid_argument());
    });
}

#[test]
fn login_or_create_keeps_data_of_anonymous_and_own_session() {
    run(async |database| {
        let store = connect(database).await;
        let ended = create(&store, 7).await.id().clone();
        assert!(store.end(&ended).await.unwrap());
        let anonymous = create(&store, 7).await.id().clone();
        let mut of_users = Vec::new();
        for user in ["ada", "bob"] {
            let attributes = SessionAttributes::new().user_id(user);
            of_users.push(store.create(7, &attributes).await.unwrap().id().clone());
        }
        let unknown = SessionId::generate().unwrap();
        let rotated = SessionState::Ended(EndReason::Rotated);
        let logged_out = SessionState::Ended(EndReason::Logout);
        for (name, id, data, state) in [
            ("no id", None, 0, None),
            ("unknown", Some(&unknown), 0, Some(SessionState::Missing)),
            ("ended", Some(&ended), 0, Some(logged_out)),
            ("anonymous", Some(&anonymous), 7, Some(rotated)),
            ("own", Some(&of_users[0]), 7, Some(rotated)),
            ("of another user", Some(&of_users[1]), 0, Some(logged_out)),
        ] {
            let attributes = SessionAttributes::new();
            let session = store
                .login_or_create(id, "ada", &attributes, || 0)
                .await
                .unwrap();
            assert_eq!(
                (session.data, session.user_id()),
                (data, Some("ada")),
                "{name}"
            );
            assert_ne!(Some(session.id()), id, "{name}");
            if let Some(id) = id {
                let old = store.info(id).await.unwrap().state();
                assert_eq!(Some(old), state, "{name}");
            }
        }
        assert_eq!(store.user_sessions("ada").await.unwrap().len(), 6);
        assert!(store.user_sessions("bob").await.unwrap().is_empty());
    });
}

#[test]
fn login_over_limit_is_refused_and_changes_nothing() {
    run(async |database| {
        execute(
            database,
            "update web.settings set max_sessions_per_user = 1, reject_over_limit = true",
        );
        let store = connect(database).await;
        let of_user = SessionAttributes::new().user_id("ada");
        let first = store.create(1, &of_user).await.unwrap();
        let mut visitor = create(&store, 2).await;
        let id = visitor.id().clone();
        let attributes = SessionAttributes::new();
        for error in [
            store.create(1, &of_user).await.unwrap_err(),
            store
                .login(&mut visitor, "ada", &attributes)
                .await
                .unwrap_err(),
            store
                .login_or_create(Some(&id), "ada", &attributes, || 3)
                .await
                .unwrap_err(),
        ] {
            assert!(
                error.is_session_limit() && !error.is_outcome_unknown(),
                "{error}"
            );
        }
        assert_eq!((visitor.id(), visitor.user_id()), (&id, None));
        assert_eq!(load(&store, first.id()).await.unwrap().data, 1);
        assert_eq!(load(&store, &id).await.unwrap().data, 2);
    });
}

#[test]
fn concurrent_logins_over_limit_leave_five_live() {
    run(async |database| {
        let store = connect(database).await;
        let tasks: Vec<_> = (0..32)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move {
                    let attributes = SessionAttributes::new().max_sessions(5);
                    let id = match number % 2 {
                        0 => None,
                        _ => Some(create(&store, number).await.id().clone()),
                    };
                    let login = store.login_or_create(id.as_ref(), "ada", &attributes, || number);
                    assert_eq!(login.await.unwrap().data, number);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(store.user_sessions("ada").await.unwrap().len(), 5);
    });
}
