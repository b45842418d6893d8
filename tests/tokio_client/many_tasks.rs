//! Many tasks on few connections: each gets its own reply.

use super::locked::Holder;
use super::{VARIANTS, builder, create, execute, outside, run};
use crate::support::server::quoted;
use connect_pg::{SaveOutcome, SessionId};

const TASKS: u32 = 256;

#[test]
fn each_of_256_tasks_gets_its_own_replies() {
    run(async |database| {
        for variant in VARIANTS {
            let builder = variant(builder(database)).pool_size(4);
            let store = builder.connect().await.unwrap();
            let tasks: Vec<_> = (0..TASKS)
                .map(|number| {
                    let store = store.clone();
                    tokio::spawn(async move {
                        let mut session = create(&store, (number, 0_u32)).await;
                        let id = session.id().clone();
                        let unknown = SessionId::generate().unwrap();
                        for round in 1..4 {
                            session.data.1 = round;
                            let saved = store.save(&mut session).await.unwrap();
                            assert_eq!(saved, SaveOutcome::Saved);
                            let loaded = store.load::<(u32, u32)>(&id).await.unwrap().unwrap();
                            assert_eq!((loaded.id(), loaded.data), (&id, (number, round)));
                            assert_eq!(loaded.version(), session.version());
                            assert!(store.load::<u32>(&unknown).await.unwrap().is_none());
                            assert!(store.touch(&id).await.unwrap().is_some());
                        }
                        assert!(store.end(&id).await.unwrap());
                        assert!(store.load::<(u32, u32)>(&id).await.unwrap().is_none());
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            let status = store.pool_status();
            assert_eq!((status.open, status.idle, status.waiting), (4, 4, 0));
            assert_eq!(store.count().await.unwrap(), 0);
        }
    });
}

// The tasks share one session.
#[test]
fn many_loads_of_one_session_return_the_same_row() {
    run(async |database| {
        let store = builder(database).pool_size(4).connect().await.unwrap();
        let session = create(&store, "shared".to_owned()).await;
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (store, session) = (store.clone(), session.clone());
                tokio::spawn(async move {
                    let loaded = store.load::<String>(session.id()).await.unwrap().unwrap();
                    assert_eq!(loaded.data, session.data);
                    assert_eq!(loaded.version(), session.version());
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn blocked_saves_delay_neither_loads_nor_saves_of_other_sessions() {
    run(async |database| {
        // The saves wait until the lock is released, however long the rest takes.
        let role = quoted(&database.role);
        execute(
            database,
            &format!("alter role {role} set lock_timeout = '1h'"),
        );
        let store = builder(database).pool_size(8).connect().await.unwrap();
        let mut blocked = create(&store, 1_u32).await;
        let holder = Holder::lock(&store, blocked.id()).await;
        blocked.data = 9;
        let saves: Vec<_> = (0..3)
            .map(|_| {
                let (store, mut session) = (store.clone(), blocked.clone());
                tokio::spawn(async move { store.save(&mut session).await.unwrap() })
            })
            .collect();
        outside(|| database.wait_until_blocked(3));
        let tasks: Vec<_> = (0..TASKS)
            .map(|number| {
                let store = store.clone();
                let blocked = blocked.id().clone();
                tokio::spawn(async move {
                    assert_eq!(store.load::<u32>(&blocked).await.unwrap().unwrap().data, 1);
                    let mut other = create(&store, number).await;
                    other.data += 1;
                    let outcome = store.save(&mut other).await.unwrap();
                    assert_eq!(outcome, SaveOutcome::Saved);
                    let loaded = store.load::<u32>(other.id()).await.unwrap().unwrap();
                    assert_eq!(loaded.data, number + 1);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(saves.iter().all(|save| !save.is_finished()));
        holder.unlock().await;
        for save in saves {
            assert_eq!(save.await.unwrap(), SaveOutcome::Conflict);
        }
    });
}
