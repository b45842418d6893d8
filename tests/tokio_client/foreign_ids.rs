//! Sessions under ids that another library draws, saved without being loaded, and with lifetimes of their own.

use std::time::{Duration, SystemTime};

use super::{connect, create, run};
use connect_pg::{
    CreateOutcome, IdOutcome, Lifetime, SaveOutcome, SessionAttributes, SessionId, SessionState,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[test]
fn given_ids_are_created_overwritten_and_changed() {
    run(async |database| {
        let store = connect(database).await;
        let [first, second, third, fourth] =
            ["1", "2", "3", "4"].map(|text| SessionId::foreign(text).unwrap());
        let attributes = SessionAttributes::new();
        let created = store.create_with_id(&first, 1, &attributes).await.unwrap();
        assert!(matches!(created, CreateOutcome::Created(_)));
        let exists = store.create_with_id(&first, 2, &attributes).await.unwrap();
        assert!(matches!(exists, CreateOutcome::Exists));
        let idle = Lifetime::idle_timeout(20 * DAY);
        assert!(store.overwrite(&first, &2, &idle).await.unwrap().is_some());
        let loaded = store.peek::<u32>(&first).await.unwrap().unwrap();
        assert_eq!((loaded.data, loaded.version()), (2, 2));
        assert!(loaded.expires_in() > 19 * DAY);

        let login = store.login_id(&first, &second, "ada", &attributes).await;
        assert_eq!(login.unwrap(), IdOutcome::Changed);
        let handle = store.info(&second).await.unwrap().handle();
        let rotated = store.rotate_id(&second, &third, Duration::ZERO).await;
        assert_eq!(rotated.unwrap(), IdOutcome::Changed);
        assert_eq!(store.info(&third).await.unwrap().handle(), handle);
        let gone = store.logout_id(&second, &first).await.unwrap();
        assert_eq!(gone, IdOutcome::Gone);
        let logout = store.logout_id(&third, &fourth).await.unwrap();
        assert_eq!(logout, IdOutcome::Changed);
        assert_eq!(store.overwrite(&third, &3, &idle).await.unwrap(), None);
    });
}

#[test]
fn lifetimes_are_stored_and_limited() {
    run(async |database| {
        let store = connect(database).await;
        let mut session = create(&store, 1).await;
        session.data = 2;
        let saved = store
            .save_with_lifetime(&mut session, &Lifetime::idle_timeout(20 * DAY))
            .await;
        assert_eq!(saved.unwrap(), SaveOutcome::Saved);
        assert!(session.expires_in() > 19 * DAY);
        let later = Lifetime::until(SystemTime::now() + 401 * DAY);
        let error = store.touch_with_lifetime(session.id(), &later).await;
        assert!(error.unwrap_err().is_invalid_argument());
        let past = Lifetime::until(SystemTime::now() - DAY);
        let touched = store.touch_with_lifetime(session.id(), &past).await;
        assert!(touched.unwrap().is_some());
        let info = store.info(session.id()).await.unwrap();
        assert_eq!(info.state(), SessionState::Expired);
    });
}

#[test]
fn overwrites_of_many_tasks_are_all_stored() {
    run(async |database| {
        let store = connect(database).await;
        // Half of them ask for another idle timeout than the session has, which a group leaves to the ordinary call.
        let lifetimes = [Lifetime::unchanged(), Lifetime::idle_timeout(20 * DAY)];
        let mut tasks = Vec::new();
        for number in 0..64_usize {
            let store = store.clone();
            tasks.push(tokio::spawn(async move {
                let session = create(&store, 0).await;
                for count in 1..=5 {
                    let lifetime = &lifetimes[(number + count) % 2];
                    let stored = store.overwrite(session.id(), &count, lifetime).await;
                    assert!(stored.unwrap().is_some());
                }
                let loaded = store.peek::<usize>(session.id()).await.unwrap().unwrap();
                assert_eq!((loaded.data, loaded.version()), (5, 6));
                assert!(loaded.expires_in() > 19 * DAY);
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
}
