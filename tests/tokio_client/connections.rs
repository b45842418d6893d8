//! Connections that break: calls are repeated by the rules of the synchronous client.

use super::pool::through;
use super::{VARIANTS, builder, connect, create, outside, run};
use crate::support::proxy::Proxy;
use connect_pg::tokio::Store;
use connect_pg::{RotateOutcome, SaveOutcome, Session, SessionAttributes, SessionId};

async fn numbered(store: &Store, count: u32) -> Vec<SessionId> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(create(store, number).await.id().clone());
    }
    ids
}

async fn rotate(store: &Store, session: &mut Session<i32>) {
    let rotated = store.rotate(session, std::time::Duration::ZERO).await;
    assert_eq!(rotated.unwrap(), RotateOutcome::Rotated);
}

// Every backend ends once while 64 tasks load. No call meets two ends, so each succeeds.
#[test]
fn calls_after_restart_under_load_succeed() {
    const TASKS: u32 = 64;
    run(async |database| {
        for variant in VARIANTS {
            let builder = variant(builder(database)).pool_size(4);
            let store = builder.connect().await.unwrap();
            let ids = numbered(&store, TASKS).await;
            for _ in 0..3 {
                let tasks: Vec<_> = ids
                    .iter()
                    .enumerate()
                    .map(|(number, id)| {
                        let (store, id) = (store.clone(), id.clone());
                        tokio::spawn(async move {
                            for _ in 0..20 {
                                let session = store.load::<usize>(&id).await.unwrap().unwrap();
                                assert_eq!(session.data, number, "the answer of another call");
                            }
                        })
                    })
                    .collect();
                outside(|| database.terminate_connections());
                for task in tasks {
                    task.await.unwrap();
                }
            }
            for (number, id) in ids.iter().enumerate() {
                assert_eq!(store.load::<usize>(id).await.unwrap().unwrap().data, number);
            }
        }
    });
}

#[test]
fn restart_costs_each_connection_one_repeated_call() {
    run(async |database| {
        let store = builder(database).pool_size(4).connect().await.unwrap();
        let mut session = create(&store, 0_u32).await;
        for number in 1..4 {
            store.load::<u32>(session.id()).await.unwrap().unwrap();
            outside(|| database.terminate_connections());
            let loads: Vec<_> = (0..16)
                .map(|_| {
                    let (store, id) = (store.clone(), session.id().clone());
                    tokio::spawn(async move { store.load::<u32>(&id).await })
                })
                .collect();
            for load in loads {
                assert_eq!(load.await.unwrap().unwrap().unwrap().data, number - 1);
            }
            session.data = number;
            assert_eq!(store.save(&mut session).await.unwrap(), SaveOutcome::Saved);
            assert!(create(&store, 7).await.handle().is_some());
        }
    });
}

#[test]
fn lost_reply_of_each_change_is_settled_by_a_second_call() {
    run(async |database| {
        let proxy = outside(|| Proxy::to(database));
        for prepare in [true, false] {
            let builder = through(&proxy, database)
                .pool_size(2)
                .prepare_statements(prepare);
            let store = builder.connect().await.unwrap();
            // Every statement is prepared, so that the next reply is that of the call.
            let mut session = create(&store, 1).await;
            session.data = 2;
            assert_eq!(store.save(&mut session).await.unwrap(), SaveOutcome::Saved);
            rotate(&store, &mut session).await;

            proxy.lose_next_reply();
            session.data = 3;
            assert_eq!(store.save(&mut session).await.unwrap(), SaveOutcome::Saved);
            assert_eq!(
                store.load::<i32>(session.id()).await.unwrap().unwrap().data,
                3
            );

            // The new connection prepares this statement.
            create(&store, 6).await;
            proxy.lose_next_reply();
            let created = create(&store, 7).await;
            assert_eq!(created.handle(), None, "the first call created it");
            assert_eq!(
                store.load::<i32>(created.id()).await.unwrap().unwrap().data,
                7
            );

            let old = session.id().clone();
            // A new connection prepares its statements again.
            rotate(&store, &mut session).await;
            proxy.lose_next_reply();
            rotate(&store, &mut session).await;
            assert!(store.load::<i32>(&old).await.unwrap().is_none());
            assert_eq!(
                store.load::<i32>(session.id()).await.unwrap().unwrap().data,
                3
            );

            assert!(store.end(created.id()).await.unwrap());
            let other = create(&store, 8).await;
            proxy.lose_next_reply();
            assert!(
                !store.end(other.id()).await.unwrap(),
                "the first call ended it"
            );
            assert!(store.load::<i32>(other.id()).await.unwrap().is_none());
        }
    });
}

#[test]
fn lost_reply_without_reconnect_returns_outcome_unknown() {
    run(async |database| {
        let proxy = outside(|| Proxy::to(database));
        let store = through(&proxy, database)
            .pool_size(2)
            .connect()
            .await
            .unwrap();
        let mut session = create(&store, 1).await;
        session.data = 2;
        assert_eq!(store.save(&mut session).await.unwrap(), SaveOutcome::Saved);
        session.data = 3;
        proxy.refuse();
        proxy.lose_next_reply();
        let error = store.save(&mut session).await.unwrap_err();
        assert!(
            error.is_unavailable() && error.is_outcome_unknown(),
            "{error}"
        );
        let stored = connect(database).await.load::<i32>(session.id()).await;
        assert_eq!(stored.unwrap().unwrap().data, 3);
    });
}

#[test]
fn stale_statements_are_prepared_anew() {
    run(async |database| {
        let store = connect(database).await;
        let session = create(&store, 1).await;
        for _ in 0..4 {
            assert!(store.touch(session.id()).await.unwrap().is_some());
            outside(|| database.change_type_of_touch());
            let touches: Vec<_> = (0..32)
                .map(|_| {
                    let (store, id) = (store.clone(), session.id().clone());
                    tokio::spawn(async move { store.touch(&id).await })
                })
                .collect();
            for touch in touches {
                assert!(touch.await.unwrap().unwrap().is_some());
            }
        }
    });
}

#[test]
fn wrong_settings_are_errors_of_connect() {
    run(async |database| {
        let refused = Store::builder().database_url("sslmode=nonsense host=localhost");
        assert!(refused.build().unwrap_err().is_invalid_argument());
        let mut config = database.config();
        config.password("wrong");
        let error = Store::builder().config(config).connect().await.unwrap_err();
        assert!(error.is_permission_denied(), "{error}");
        let missing = builder(database).password_file("/no/such/file");
        let error = missing.connect().await.unwrap_err();
        assert!(
            error.is_unavailable() && error.to_string().contains("/no/such/file"),
            "{error}"
        );
        let elsewhere = builder(database)
            .schema("elsewhere")
            .connect()
            .await
            .unwrap();
        let error = elsewhere
            .create(1, &SessionAttributes::new())
            .await
            .unwrap_err();
        assert!(error.is_not_installed(), "{error}");
    });
}
