//! Sessions of users, and what administrators ask.

use super::{connect, create, run};
use connect_pg::{EndReason, SessionAttributes, SessionState};
use uuid::Uuid;

#[test]
fn user_sessions_are_listed_and_ended_by_their_user() {
    run(async |database| {
        let store = connect(database).await;
        let of_user = |user: &str| SessionAttributes::new().user_id(user).label("phone");
        let mut sessions = Vec::new();
        for _ in 0..4 {
            sessions.push(store.create((), &of_user("ada")).await.unwrap());
        }
        let other = store.create((), &of_user("bob")).await.unwrap();
        create(&store, ()).await;
        let listed = store.user_sessions("ada").await.unwrap();
        let handles: Vec<_> = listed.iter().map(|device| Some(device.handle())).collect();
        let expected: Vec<_> = sessions
            .iter()
            .rev()
            .map(connect_pg::Session::handle)
            .collect();
        assert_eq!(handles, expected, "the last used first");
        assert_eq!(listed[0].label(), Some("phone"));

        let handle = sessions[0].handle().unwrap();
        assert!(!store.end_user_session("bob", handle).await.unwrap());
        assert!(!store.end_user_session("ada", Uuid::nil()).await.unwrap());
        assert!(store.end_user_session("ada", handle).await.unwrap());
        let info = store.info(sessions[0].id()).await.unwrap();
        assert_eq!(info.state(), SessionState::Ended(EndReason::Revoked));
        let kept = sessions[2].id();
        assert_eq!(store.end_user_sessions("ada", Some(kept)).await.unwrap(), 2);
        assert!(store.load::<()>(kept).await.unwrap().is_some());
        assert_eq!(store.end_user_sessions("ada", None).await.unwrap(), 1);
        assert!(store.load::<()>(other.id()).await.unwrap().is_some());
        assert!(
            store
                .user_sessions("a\0")
                .await
                .unwrap_err()
                .is_invalid_argument()
        );
    });
}

#[cfg(feature = "admin")]
#[test]
fn administrators_calls_work_and_are_refused_to_the_runtime_role() {
    use connect_pg::tokio::Store;

    run(async |database| {
        let runtime_role = connect(database).await;
        let session = create(&runtime_role, 1).await;
        let handle = session.handle().unwrap();
        for error in [
            runtime_role.status().await.unwrap_err(),
            runtime_role.end_all().await.unwrap_err(),
            runtime_role.settings().await.unwrap_err(),
        ] {
            assert!(error.is_permission_denied(), "{error}");
        }

        let mut config = crate::support::server::superuser_config();
        config.dbname(&database.name);
        let admin = Store::builder().config(config).connect().await.unwrap();
        assert_eq!(admin.status().await.unwrap().live, 1);
        assert_eq!(
            admin
                .find_session(handle)
                .await
                .unwrap()
                .unwrap()
                .session
                .handle(),
            handle
        );
        assert!(admin.settings().await.unwrap().len() > 5);
        let changes = admin
            .configure(&[("max_sessions_per_user", Some("7"))])
            .await
            .unwrap();
        assert_eq!(changes[0].after.as_deref(), Some("7"));
        let records = admin.export_page(None, 10).await.unwrap();
        assert_eq!(records.len(), 1);
        let imported = admin.import_batch(&records).await.unwrap();
        assert_eq!(imported, [connect_pg::ImportOutcome::Exists]);
        assert!(admin.end_by_handle(handle).await.unwrap());
        assert!(!admin.end_by_handle(handle).await.unwrap());

        let of_user = SessionAttributes::new().user_id("ada");
        let kept = runtime_role.create(1, &of_user).await.unwrap();
        runtime_role.create(2, &of_user).await.unwrap();
        let handle = kept.handle().unwrap();
        let ended = admin
            .end_user_sessions_except_handle("ada", handle)
            .await
            .unwrap();
        assert_eq!(ended, Some(1));
        assert_eq!(admin.end_all().await.unwrap(), 1);
        assert!(runtime_role.load::<i32>(kept.id()).await.unwrap().is_none());
    });
}
