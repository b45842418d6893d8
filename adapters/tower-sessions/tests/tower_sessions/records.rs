//! The store as tower-sessions calls it, without HTTP.

use std::collections::HashMap;

use connect_pg::{EndReason, SessionState};
use connect_pg_tower_sessions::{ConnectPgStore, session_id};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::ExpiredDeletion;
use tower_sessions::{CachingSessionStore, MemoryStore, SessionStore};

use crate::database::Database;

fn record(data: Value, left: Duration) -> Record {
    Record {
        id: Id::default(),
        data: serde_json::from_value::<HashMap<String, Value>>(data).unwrap(),
        expiry_date: OffsetDateTime::now_utc() + left,
    }
}

async fn load(store: &impl SessionStore, id: Id) -> Option<Record> {
    store.load(&id).await.unwrap()
}

/// Fails the test unless both are the same but for a minute of the expiry.
#[track_caller]
fn assert_same(loaded: &Record, saved: &Record) {
    assert_eq!((&loaded.data, loaded.id), (&saved.data, saved.id));
    let difference = loaded.expiry_date - saved.expiry_date;
    assert!(difference.abs() < Duration::minutes(1), "{difference}");
}

#[tokio::test]
async fn created_record_loads_and_collision_draws_another_id() {
    let database = Database::new();
    let store = database.store().await;
    let mut first = record(json!({"views": 1, "ö": "\u{0}"}), Duration::days(14));
    store.create(&mut first).await.unwrap();
    assert_same(&load(&store, first.id).await.unwrap(), &first);
    let mut second = Record {
        data: HashMap::new(),
        ..first.clone()
    };
    store.create(&mut second).await.unwrap();
    assert_ne!(second.id, first.id);
    assert_same(&load(&store, first.id).await.unwrap(), &first);
    assert_same(&load(&store, second.id).await.unwrap(), &second);
    // The database has a digest of the id.
    let text = first.id.to_string();
    let found = database.with(move |database| {
        database.value::<bool>(&format!(
            "select exists (select from web.session as s where s::text like '%{text}%')"
        ))
    });
    assert!(!found);
}

#[tokio::test]
async fn save_after_delete_changes_nothing() {
    let database = Database::new();
    let store = database.store().await;
    let mut saved = record(json!({"views": 1}), Duration::hours(1));
    store.create(&mut saved).await.unwrap();
    store.delete(&saved.id).await.unwrap();
    store.save(&saved).await.unwrap();
    assert_eq!(load(&store, saved.id).await, None);
    let id = session_id(&saved.id).unwrap();
    let state = store.store().info(&id).await.unwrap().state();
    assert_eq!(state, SessionState::Ended(EndReason::Logout));
    // Nor does a save create a session, or a creation take over the id.
    let unknown = record(json!({}), Duration::hours(1));
    store.save(&unknown).await.unwrap();
    assert_eq!(load(&store, unknown.id).await, None);
    let old = saved.id;
    store.create(&mut saved).await.unwrap();
    assert_ne!(saved.id, old);
}

async fn version(store: &ConnectPgStore, id: Id) -> i64 {
    let id = session_id(&id).unwrap();
    let session = store.store().peek::<Value>(&id).await.unwrap();
    session.unwrap().version()
}

#[tokio::test]
async fn expiry_follows_tower_sessions() {
    let database = Database::new();
    let store = database.store().await;
    let mut saved = record(json!({"n": 1}), Duration::hours(1));
    store.create(&mut saved).await.unwrap();
    for left in [Duration::days(20), Duration::minutes(10), Duration::days(2)] {
        saved.expiry_date = OffsetDateTime::now_utc() + left;
        store.save(&saved).await.unwrap();
        assert_same(&load(&store, saved.id).await.unwrap(), &saved);
    }
    assert_eq!(
        version(&store, saved.id).await,
        1,
        "the data was never written"
    );
    saved.data.insert("n".to_owned(), json!(2));
    store.save(&saved).await.unwrap();
    assert_eq!(version(&store, saved.id).await, 2);

    saved.expiry_date = OffsetDateTime::now_utc() - Duration::seconds(1);
    store.save(&saved).await.unwrap();
    assert_eq!(load(&store, saved.id).await, None);
    let mut past = record(json!({}), Duration::ZERO);
    store.create(&mut past).await.unwrap();
    assert_eq!(load(&store, past.id).await, None);
    let mut endless = record(json!({}), Duration::days(401));
    let error = store.create(&mut endless).await.unwrap_err();
    assert!(error.to_string().contains("34560000 seconds"), "{error}");
    store.delete_expired().await.unwrap();
}

#[tokio::test]
async fn caching_store_works_on_top() {
    let database = Database::new();
    let store = database.store().await;
    let caching = CachingSessionStore::new(MemoryStore::default(), store.clone());
    let mut saved = record(json!({"views": 1}), Duration::hours(1));
    caching.create(&mut saved).await.unwrap();
    saved.data.insert("views".to_owned(), json!(2));
    caching.save(&saved).await.unwrap();
    assert_same(&load(&store, saved.id).await.unwrap(), &saved);
    assert_same(&load(&caching, saved.id).await.unwrap(), &saved);
    caching.delete(&saved.id).await.unwrap();
    assert_eq!(load(&caching, saved.id).await, None);
    assert_eq!(load(&store, saved.id).await, None);
}

#[tokio::test]
async fn data_of_another_application_is_a_decoding_error() {
    let database = Database::new();
    let store = database.store().await;
    let saved = record(json!({}), Duration::hours(1));
    let id = session_id(&saved.id).unwrap();
    let attributes = connect_pg::SessionAttributes::new();
    let created = store.store().create_with_id(&id, "s3cret", &attributes);
    drop(created.await.unwrap());
    let error = store.load(&saved.id).await.unwrap_err();
    assert!(matches!(
        error,
        tower_sessions::session_store::Error::Decode(_)
    ));
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}
