//! Sessions under ids that another library draws, saved without being loaded, and with lifetimes of their own.

use std::time::{Duration, SystemTime};

use crate::support::test_database::{TestDatabase, create};
use connect_pg::{
    CreateOutcome, EndReason, IdOutcome, Lifetime, SaveOutcome, SessionAttributes, SessionId,
    SessionState, Store,
};
use serde_json::value::RawValue;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn id(text: &str) -> SessionId {
    SessionId::foreign(text).unwrap()
}

fn create_with_id(store: &Store, text: &str, data: u32) -> SessionId {
    let id = id(text);
    let outcome = store.create_with_id(&id, data, &SessionAttributes::new());
    assert!(matches!(outcome.unwrap(), CreateOutcome::Created(_)));
    id
}

fn expires_at(store: &Store, id: &SessionId) -> SystemTime {
    store.info(id).unwrap().expires_at().unwrap()
}

/// Fails the test unless the session expires in this time, by the clock of the database, which is this computer's.
#[track_caller]
fn assert_expires_in(store: &Store, id: &SessionId, time: Duration) {
    let left = store.peek::<u32>(id).unwrap().unwrap().expires_in();
    assert!(left <= time && left + HOUR / 2 > time, "{left:?}");
}

#[test]
fn creation_with_given_id_reports_id_in_use() {
    let database = TestDatabase::new();
    let store = database.store();
    let ada = SessionAttributes::new().user_id("ada");
    let id = id("yS5kZqCG3mTg2ZrVXOyAhw");
    let CreateOutcome::Created(session) = store.create_with_id(&id, 1, &ada).unwrap() else {
        panic!("the id is not in use");
    };
    assert_eq!((session.id(), session.version()), (&id, 1));
    assert_eq!(session.user_id(), Some("ada"));
    assert_eq!(session.handle(), store.info(&id).unwrap().handle());
    for _ in 0..2 {
        let again = store.create_with_id(&id, 2, &ada).unwrap();
        assert!(matches!(again, CreateOutcome::Exists));
        assert_ne!(store.load::<u32>(&id).unwrap().map(|s| s.data), Some(2));
        // Nor is the id of an ended session free.
        store.end(&id).unwrap();
    }
    let one = SessionAttributes::new().user_id("bob").max_sessions(1);
    database
        .superuser()
        .execute("update web.settings set reject_over_limit = true", &[])
        .unwrap();
    let first = store.create_with_id(&self::id("1"), 1, &one).unwrap();
    assert!(matches!(first, CreateOutcome::Created(_)));
    let second = store.create_with_id(&self::id("2"), 1, &one);
    assert!(second.unwrap_err().is_session_limit());
}

#[test]
fn overwrite_saves_live_sessions_only() {
    let database = TestDatabase::new();
    let store = database.store();
    let unchanged = Lifetime::unchanged();
    let id = create_with_id(&store, "a", 1);
    let loaded = store.load::<u32>(&id).unwrap().unwrap();
    let expiry = store.overwrite(&id, &2, &unchanged).unwrap();
    assert_eq!(expiry, Some(loaded.expires_at()));
    let mut late = loaded.clone();
    late.data = 3;
    assert_eq!(store.save(&mut late).unwrap(), SaveOutcome::Conflict);
    let loaded = store.load::<u32>(&id).unwrap().unwrap();
    assert_eq!((loaded.data, loaded.version()), (2, 2));
    store.overwrite(&id, &2, &unchanged).unwrap().unwrap();
    assert_eq!(store.load::<u32>(&id).unwrap().unwrap().version(), 2);

    store.end(&id).unwrap();
    assert_eq!(store.overwrite(&id, &4, &unchanged).unwrap(), None);
    let unknown = self::id("unknown");
    assert_eq!(store.overwrite(&unknown, &4, &unchanged).unwrap(), None);
    assert_eq!(store.info(&unknown).unwrap().state(), SessionState::Missing);
}

#[test]
fn raw_json_is_stored_and_loaded_as_it_is() {
    let database = TestDatabase::new();
    let store = database.store();
    let id = create_with_id(&store, "a", 1);
    let text = r#"{ "b":1.0,"a":10000000000000000000000,"b":2 }"#;
    let raw: &RawValue = serde_json::from_str(text).unwrap();
    store
        .overwrite(&id, raw, &Lifetime::unchanged())
        .unwrap()
        .unwrap();
    let loaded = store.load::<Box<RawValue>>(&id).unwrap().unwrap();
    assert_eq!(loaded.data.get(), text);
}

#[test]
fn new_lifetime_is_stored_with_save_overwrite_and_touch() {
    let database = TestDatabase::new();
    let store = database.store();
    let mut session = create(&store, 1);
    session.data = 2;
    let saved = store.save_with_lifetime(&mut session, &Lifetime::idle_timeout(20 * DAY));
    assert_eq!(saved.unwrap(), SaveOutcome::Saved);
    let id = session.id().clone();
    assert!(session.expires_in() > 19 * DAY);
    assert_expires_in(&store, &id, 20 * DAY);

    let until = SystemTime::UNIX_EPOCH
        + SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map(|since| Duration::from_micros(u64::try_from(since.as_micros()).unwrap()))
            .unwrap()
        + 40 * DAY;
    let expiry = store.overwrite(&id, &3, &Lifetime::until(until)).unwrap();
    assert_eq!(expiry, Some(until));
    assert_eq!(expires_at(&store, &id), until);

    let hours = Lifetime::idle_timeout(2 * HOUR).and_absolute_timeout(DAY);
    let expiry = store.touch_with_lifetime(&id, &hours).unwrap();
    assert_eq!(expiry, Some(expires_at(&store, &id)));
    assert_expires_in(&store, &id, 2 * HOUR);
    // The same lifetime again is not written before a slide is due.
    assert_eq!(store.touch_with_lifetime(&id, &hours).unwrap(), expiry);
    let unchanged = store.touch_with_lifetime(&id, &Lifetime::unchanged());
    assert_eq!(unchanged.unwrap(), expiry);
    assert_eq!(store.load::<u32>(&id).unwrap().unwrap().data, 3);
}

#[test]
fn expiry_in_the_past_is_an_expired_session() {
    let database = TestDatabase::new();
    // A new session could prune an expired one.
    database
        .superuser()
        .execute(
            "update web.prune_state set last_pruned_at = statement_timestamp()",
            &[],
        )
        .unwrap();
    let store = database.store();
    let past = SystemTime::now() - HOUR;
    let attributes = SessionAttributes::new().expires_at(past);
    let touched = create(&store, 1);
    let overwritten = create(&store, 1);
    // The last one, because a new session may delete expired ones.
    let created = store.create(1, &attributes).unwrap();
    assert!(created.expires_in().is_zero());
    let until = Lifetime::until(past);
    assert!(
        store
            .touch_with_lifetime(touched.id(), &until)
            .unwrap()
            .is_some()
    );
    assert!(
        store
            .overwrite(overwritten.id(), &2, &until)
            .unwrap()
            .is_some()
    );
    for session in [created, touched, overwritten] {
        assert!(store.load::<u32>(session.id()).unwrap().is_none());
        let info = store.info(session.id()).unwrap();
        assert_eq!(info.state(), SessionState::Expired);
        let back = store.overwrite(session.id(), &3, &Lifetime::idle_timeout(DAY));
        assert_eq!(back.unwrap(), None);
    }
}

#[test]
fn lifetime_beyond_the_limit_is_an_error() {
    let database = TestDatabase::new();
    let store = database.store();
    let session = create(&store, 1);
    let later = SystemTime::now() + 401 * DAY;
    for lifetime in [
        Lifetime::idle_timeout(401 * DAY),
        Lifetime::idle_timeout(DAY).and_absolute_timeout(401 * DAY),
        Lifetime::until(later),
        Lifetime::idle_timeout(Duration::ZERO),
        Lifetime::until(later).and_absolute_timeout(DAY),
    ] {
        let error = store
            .overwrite(session.id(), &2, &lifetime)
            .expect_err("the lifetime is too long");
        assert!(error.is_invalid_argument(), "{lifetime:?}: {error}");
        let error = store.touch_with_lifetime(session.id(), &lifetime);
        assert!(error.unwrap_err().is_invalid_argument(), "{lifetime:?}");
    }
    for attributes in [
        SessionAttributes::new().expires_at(later),
        SessionAttributes::new().expires_at(later).idle_timeout(DAY),
    ] {
        let error = store.create(1, &attributes).unwrap_err();
        assert!(error.is_invalid_argument(), "{attributes:?}: {error}");
    }
    let loaded = store.load::<u32>(session.id()).unwrap().unwrap();
    assert_eq!((loaded.data, loaded.version()), (1, 1));
}

#[test]
fn id_changes_by_ids_alone_keep_handle_user_and_device() {
    let database = TestDatabase::new();
    let store = database.store();
    let ada = SessionAttributes::new().label("phone");
    let first = create_with_id(&store, "first", 7);
    let (second, third, fourth) = (id("second"), id("third"), id("fourth"));
    let login = store.login_id(&first, &second, "ada", &ada);
    assert_eq!(login.unwrap(), IdOutcome::Changed);
    let devices = store.user_sessions("ada").unwrap();
    assert_eq!(devices.len(), 1);

    let rotated = store.rotate_id(&second, &third, Duration::ZERO).unwrap();
    assert_eq!(rotated, IdOutcome::Changed);
    // A repeated call finds what it has done.
    let repeated = store.rotate_id(&second, &third, Duration::ZERO).unwrap();
    assert_eq!(repeated, IdOutcome::Changed);
    let info = store.info(&third).unwrap();
    assert_eq!(info.handle(), Some(devices[0].handle()));
    assert_eq!((info.user_id(), info.label()), (Some("ada"), Some("phone")));
    assert_eq!(store.load::<u32>(&third).unwrap().unwrap().data, 7);
    let old = store.info(&second).unwrap();
    assert_eq!(old.state(), SessionState::Ended(EndReason::Rotated));

    let used = create_with_id(&store, "used", 1);
    let exists = store.rotate_id(&third, &used, Duration::ZERO).unwrap();
    assert_eq!(exists, IdOutcome::Exists);
    let gone = store.rotate_id(&second, &id("fifth"), Duration::ZERO);
    assert_eq!(gone.unwrap(), IdOutcome::Gone);
    let grace = store.rotate_id(&third, &fourth, Duration::from_secs(61));
    assert!(grace.unwrap_err().is_invalid_argument());

    let logout = store.logout_id(&third, &fourth).unwrap();
    assert_eq!(logout, IdOutcome::Changed);
    assert!(store.user_sessions("ada").unwrap().is_empty());
    let loaded = store.load::<u32>(&fourth).unwrap().unwrap();
    assert_eq!((loaded.data, loaded.user_id()), (7, None));
}
