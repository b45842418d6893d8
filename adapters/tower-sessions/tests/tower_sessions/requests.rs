//! Requests with the layer: new ids, deletions, users and devices.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Path};
use axum::routing::get;
use axum::{Extension, Router};
use connect_pg::{EndReason, SessionState};
use connect_pg_test_database::{PATIENCE, wait_until};
use connect_pg_tower_sessions::{ConnectPgStore, session_id};
use http::{StatusCode, header};
use serde_json::Value;
use time::Duration;
use tokio::sync::Notify;
use tower_cookies::Key;
use tower_sessions::session::Id;
use tower_sessions::{Expiry, Session, SessionManagerLayer};

use crate::browser::Browser;
use crate::database::Database;

type Result<T> = std::result::Result<T, Failure>;

/// Any error of a session is status 500.
struct Failure;

impl From<tower_sessions::session::Error> for Failure {
    fn from(_: tower_sessions::session::Error) -> Failure {
        Failure
    }
}

impl axum::response::IntoResponse for Failure {
    fn into_response(self) -> axum::response::Response {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

async fn count(session: Session) -> Result<String> {
    let views = session.get::<u64>("views").await?.unwrap_or(0) + 1;
    session.insert("views", views).await?;
    Ok(views.to_string())
}

async fn login(session: Session, Path(user): Path<String>) -> Result<()> {
    session.cycle_id().await?;
    Ok(session.insert("user", user).await?)
}

async fn login_with_large_data(session: Session, Path(user): Path<String>) -> Result<()> {
    session.cycle_id().await?;
    session.insert("large", "x".repeat(2 << 20)).await?;
    Ok(session.insert("user", user).await?)
}

async fn login_with_old_id(session: Session, Path(user): Path<String>) -> Result<()> {
    Ok(session.insert("user", user).await?)
}

async fn cycle(session: Session) -> Result<()> {
    Ok(session.cycle_id().await?)
}

async fn cycle_twice(session: Session) -> Result<()> {
    session.cycle_id().await?;
    Ok(session.cycle_id().await?)
}

async fn flush(session: Session) -> Result<()> {
    Ok(session.flush().await?)
}

async fn flush_and_insert(session: Session) -> Result<()> {
    session.flush().await?;
    Ok(session.insert("message", "logged out").await?)
}

async fn flush_and_panic(session: Session) {
    session.flush().await.unwrap();
    panic!("after the session was deleted");
}

async fn flush_and_hang(session: Session, Extension(reached): Extension<Arc<Notify>>) {
    session.flush().await.unwrap();
    reached.notify_one();
    std::future::pending::<()>().await;
}

/// Changes the session while another request ends it.
async fn slow_cycle(session: Session, Extension(store): Extension<ConnectPgStore>) -> Result<()> {
    session.get_value("views").await?;
    let id = session_id(&session.id().unwrap()).unwrap();
    store.store().end(&id).await.unwrap();
    session.cycle_id().await?;
    session.insert("late", true).await?;
    Ok(())
}

fn app(store: &ConnectPgStore) -> Router {
    Router::new()
        .route("/count", get(count))
        .route("/nothing", get(|| async {}))
        .route("/login/{user}", get(login))
        .route("/login_with_old_id/{user}", get(login_with_old_id))
        .route("/cycle", get(cycle))
        .route("/cycle_twice", get(cycle_twice))
        .route("/login_with_large_data/{user}", get(login_with_large_data))
        .route("/flush", get(flush))
        .route("/flush_and_insert", get(flush_and_insert))
        .route("/flush_and_panic", get(flush_and_panic))
        .route("/flush_and_hang", get(flush_and_hang))
        .route("/slow_cycle", get(slow_cycle))
        .layer(store.layer(SessionManagerLayer::new(store.clone())))
        .layer(Extension(store.clone()))
}

fn with_user(store: ConnectPgStore) -> ConnectPgStore {
    store.with_user_id(|data| {
        data.get("user")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
    })
}

fn id_of(browser: &Browser) -> connect_pg::SessionId {
    let id: Id = browser.cookie.as_deref().unwrap().parse().unwrap();
    session_id(&id).unwrap()
}

async fn state(store: &ConnectPgStore, id: &connect_pg::SessionId) -> SessionState {
    store.store().info(id).await.unwrap().state()
}

#[tokio::test]
async fn login_makes_the_session_the_users_under_a_new_id() {
    let database = Database::new();
    let store = with_user(database.store().await);
    let mut browser = Browser::new(&app(&store));
    browser.text("/count").await;
    let before = id_of(&browser);
    browser.text("/login/ada").await;
    let after = id_of(&browser);
    assert_ne!(after, before);
    assert_eq!(browser.text("/count").await, "2", "the data is kept");
    let info = store.store().info(&after).await.unwrap();
    assert_eq!(
        (info.user_id(), info.user_agent()),
        (Some("ada"), Some("Tested/1.0"))
    );
    let rotated = SessionState::Ended(EndReason::Rotated);
    assert_eq!(state(&store, &before).await, rotated);

    // The handle and the device stay with the next id.
    browser.text("/cycle").await;
    browser.text("/cycle_twice").await;
    let next = store.store().info(&id_of(&browser)).await.unwrap();
    assert_eq!(
        (next.handle(), next.user_id()),
        (info.handle(), Some("ada"))
    );
    let devices = store.store().user_sessions("ada").await.unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!(Some(devices[0].handle()), info.handle());

    // "Log out everywhere."
    assert_eq!(
        store.store().end_user_sessions("ada", None).await.unwrap(),
        1
    );
    assert_eq!(browser.text("/count").await, "1");
    assert_eq!(database.live_sessions(), 1);
}

#[tokio::test]
async fn user_of_visitor_without_session_is_known() {
    let database = Database::new();
    let store = with_user(database.store().await);
    let mut browser = Browser::new(&app(&store));
    browser.text("/login/ada").await;
    let info = store.store().info(&id_of(&browser)).await.unwrap();
    assert_eq!(info.user_id(), Some("ada"));
    assert_eq!(database.live_sessions(), 1);
}

#[tokio::test]
async fn device_has_the_address_of_the_connection() {
    let database = Database::new();
    let store = with_user(database.store().await);
    let connection = ConnectInfo(SocketAddr::from(([192, 0, 2, 7], 4711)));
    let with_address = store.clone().with_client_address(|parts| {
        let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
        Some(connection.ip())
    });
    for (store, address) in [(store, None), (with_address, Some(connection.0.ip()))] {
        let app = app(&store).layer(Extension(connection));
        let mut browser = Browser::new(&app);
        browser.text("/login/ada").await;
        let info = store.store().info(&id_of(&browser)).await.unwrap();
        assert_eq!(info.client_address(), address);
        assert_eq!(info.user_agent(), Some("Tested/1.0"));
    }
}

#[tokio::test]
async fn login_that_cannot_be_stored_leaves_no_session() {
    let database = Database::new();
    let store = with_user(database.store().await);
    let mut browser = Browser::new(&app(&store));
    browser.text("/count").await;
    let page = browser.get("/login_with_large_data/ada").await;
    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
    let devices = store.store().user_sessions("ada").await.unwrap();
    assert!(devices.is_empty());
}

#[tokio::test]
async fn login_under_old_id_is_refused() {
    let database = Database::new();
    let store = with_user(database.store().await);
    let mut browser = Browser::new(&app(&store));
    browser.text("/count").await;
    let id = id_of(&browser);
    let page = browser.get("/login_with_old_id/ada").await;
    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(id_of(&browser), id);
    assert_eq!(store.store().info(&id).await.unwrap().user_id(), None);
    assert_eq!(browser.text("/count").await, "2");
}

#[tokio::test]
async fn deletion_takes_place_before_the_response() {
    let database = Database::new();
    let store = with_user(database.store().await);
    let app = app(&store);
    let mut browser = Browser::new(&app);
    browser.text("/login/ada").await;
    let id = id_of(&browser);
    let mut copy = browser.clone();
    browser.text("/flush").await;
    assert_eq!(browser.cookie, None);
    let ended = SessionState::Ended(EndReason::Logout);
    assert_eq!(state(&store, &id).await, ended);
    assert_eq!(copy.text("/count").await, "1", "a new session");

    let mut browser = Browser::new(&app);
    browser.text("/login/ada").await;
    let id = id_of(&browser);
    browser.text("/flush_and_insert").await;
    assert_ne!(id_of(&browser), id);
    assert_eq!(state(&store, &id).await, ended);
    let after = store.store().info(&id_of(&browser)).await.unwrap();
    assert_eq!(
        after.user_id(),
        None,
        "the session after the logout is nobody's"
    );
}

#[tokio::test]
async fn deletion_of_cancelled_or_panicking_request_takes_place() {
    let database = Database::new();
    let store = database.store().await;
    let reached = Arc::new(Notify::new());
    let app = app(&store).layer(Extension(Arc::clone(&reached)));
    for path in ["/flush_and_panic", "/flush_and_hang"] {
        let mut browser = Browser::new(&app);
        browser.text("/count").await;
        let id = id_of(&browser);
        let request = tokio::spawn(async move { browser.get(path).await });
        if path == "/flush_and_hang" {
            reached.notified().await;
            request.abort();
        }
        assert!(request.await.is_err());
        let waited = tokio::time::timeout(PATIENCE, async {
            while state(&store, &id).await == SessionState::Live {
                tokio::task::yield_now().await;
            }
        });
        waited.await.expect("the session is ended");
    }
    let database = database.clone();
    tokio::task::spawn_blocking(move || {
        wait_until("no session is left", || database.live_sessions() == 0);
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn session_that_was_ended_meanwhile_gets_no_new_id() {
    let database = Database::new();
    let store = database.store().await;
    let mut browser = Browser::new(&app(&store));
    browser.text("/count").await;
    browser.text("/slow_cycle").await;
    assert_eq!(database.live_sessions(), 0);
    assert_eq!(browser.text("/count").await, "1");
}

#[tokio::test]
async fn requests_without_use_of_the_session_make_no_call() {
    let database = Database::new();
    let store = database.store().await;
    let mut browser = Browser::new(&app(&store));
    let page = browser.get("/nothing").await;
    assert!(!page.headers.contains_key(header::SET_COOKIE));
    assert_eq!(database.live_sessions(), 0);
    browser.text("/count").await;
    database.with(|database| database.set_available(false));
    browser.text("/nothing").await;
    database.with(|database| database.set_available(true));
    assert_eq!(browser.text("/count").await, "2");
}

#[tokio::test]
async fn signed_and_private_cookies_and_every_expiry_work() {
    let database = Database::new();
    let store = database.store().await;
    let routes = || Router::new().route("/count", get(count));
    let expiries = [
        Expiry::OnSessionEnd,
        Expiry::OnInactivity(Duration::hours(1)),
        Expiry::AtDateTime(time::OffsetDateTime::now_utc() + Duration::hours(1)),
    ];
    let mut apps = Vec::new();
    for expiry in expiries {
        let manager = || SessionManagerLayer::new(store.clone()).with_expiry(expiry);
        apps.push(routes().layer(store.layer(manager())));
        apps.push(routes().layer(store.layer(manager().with_signed(Key::generate()))));
        apps.push(routes().layer(store.layer(manager().with_private(Key::generate()))));
        apps.push(routes().layer(store.layer(manager().with_always_save(true))));
    }
    for app in apps {
        let mut browser = Browser::new(&app);
        for views in 1..=3 {
            assert_eq!(browser.text("/count").await, views.to_string());
        }
        if let Some(cookie) = &mut browser.cookie {
            cookie.insert(0, 'x');
        }
        assert_eq!(browser.text("/count").await, "1", "a forged cookie");
    }
}
