//! A database that cannot be reached costs no cookie.

use axum::Router;
use axum::routing::get;
use connect_pg::tokio::Store;
use connect_pg_tower_sessions::{ConnectPgStore, OnOutage};
use http::{StatusCode, header};
use std::time::Duration;
use tower_sessions::{Session, SessionManagerLayer};

use crate::browser::Browser;
use crate::database::Database;

async fn count(session: Session) -> Result<String, StatusCode> {
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
    let views = session
        .get::<u64>("views")
        .await
        .map_err(failed)?
        .unwrap_or(0)
        + 1;
    session.insert("views", views).await.map_err(failed)?;
    Ok(views.to_string())
}

async fn flush(session: Session) -> Result<(), StatusCode> {
    let flushed = session.flush().await;
    flushed.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

fn app(store: &ConnectPgStore) -> Router {
    Router::new()
        .route("/count", get(count))
        .route("/flush", get(flush))
        .layer(store.layer(SessionManagerLayer::new(store.clone())))
}

async fn impatient(database: &Database) -> ConnectPgStore {
    let url = database.with(connect_pg_test_database::TestDatabase::url);
    let builder = Store::builder()
        .database_url(&url)
        .pool_timeout(Duration::from_millis(200));
    ConnectPgStore::new(builder.connect().await.unwrap())
}

#[tokio::test]
async fn outage_is_503_and_the_session_goes_on_after_it() {
    let database = Database::new();
    let store = impatient(&database).await;
    let mut browser = Browser::new(&app(&store));
    browser.text("/count").await;
    let cookie = browser.cookie.clone();
    database.with(|database| database.set_available(false));
    for path in ["/count", "/flush"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(!page.headers.contains_key(header::SET_COOKIE), "{path}");
    }
    assert_eq!(browser.cookie, cookie);
    database.with(|database| database.set_available(true));
    // The logout failed, and said so.
    assert_eq!(browser.text("/count").await, "2");
}

#[tokio::test]
async fn empty_session_of_an_outage_is_not_saved_over_the_real_one() {
    let database = Database::new();
    let store = impatient(&database).await.with_on_outage(OnOutage::Empty);
    let mut browser = Browser::new(&app(&store));
    browser.text("/count").await;
    let cookie = browser.cookie.clone();
    database.with(|database| database.set_available(false));
    let page = browser.get("/count").await;
    assert_eq!((page.status, page.text.as_str()), (StatusCode::OK, "1"));
    assert_eq!(browser.cookie, cookie);
    database.with(|database| database.set_available(true));
    assert_eq!(browser.text("/count").await, "2");
}
