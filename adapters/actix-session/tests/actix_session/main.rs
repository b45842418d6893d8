//! The store under actix-session, on a real server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic"
)]

mod acceptance;

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use actix_session::storage::{LoadError, SessionKey, SessionStore};
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, Key};
use actix_web::dev::ServiceResponse;
use actix_web::{App, test, web};
use connect_pg::tokio::Store;
use connect_pg::{EndReason, SessionState};
use connect_pg_actix_session::ConnectPgSessionStore;
use connect_pg_test_database::TestDatabase;

const HOUR: Duration = Duration::hours(1);

fn in_thread<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    thread::spawn(call).join().unwrap()
}

/// A database whose client blocks, so it has threads of its own.
struct Database(Option<Arc<TestDatabase>>);

impl Database {
    fn new() -> Database {
        Database(Some(Arc::new(in_thread(TestDatabase::new))))
    }

    fn with<T: Send + 'static>(&self, call: impl FnOnce(&TestDatabase) -> T + Send + 'static) -> T {
        let database = self.0.clone().unwrap();
        in_thread(move || call(&database))
    }

    async fn store(&self) -> ConnectPgSessionStore {
        let url = self.with(TestDatabase::url);
        ConnectPgSessionStore::new(Store::connect(&url).await.unwrap())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let database = self.0.take();
        in_thread(move || drop(database));
    }
}

fn state(key: &str, value: &str) -> HashMap<String, String> {
    HashMap::from([(key.to_owned(), value.to_owned())])
}

fn copy(key: &SessionKey) -> SessionKey {
    key.as_ref().to_owned().try_into().unwrap()
}

#[actix_web::test]
async fn acceptance_tests_of_actix_session_pass() {
    let database = Database::new();
    let store = database.store().await;
    acceptance::acceptance_test_suite(move || store.clone(), true).await;
}

#[actix_web::test]
async fn update_after_logout_creates_no_session() {
    let database = Database::new();
    let store = database.store().await;
    let key = store.save(state("n", "1"), &HOUR).await.unwrap();
    assert_eq!(store.load(&key).await.unwrap(), Some(state("n", "1")));
    let updated = store.update(copy(&key), state("n", "2"), &HOUR).await;
    assert_eq!(updated.unwrap(), key);
    assert_eq!(store.load(&key).await.unwrap(), Some(state("n", "2")));
    store.delete(&key).await.unwrap();
    let updated = store.update(copy(&key), state("n", "3"), &HOUR).await;
    assert_eq!(updated.unwrap(), key);
    store.update_ttl(&key, &HOUR).await.unwrap();
    assert_eq!(store.load(&key).await.unwrap(), None);
    assert_eq!(database.with(TestDatabase::live_sessions), 0);
    let id = ConnectPgSessionStore::session_id(&key).unwrap();
    let info = store.store().info(&id).await.unwrap();
    assert_eq!(info.state(), SessionState::Ended(EndReason::Logout));
}

#[actix_web::test]
async fn keys_of_any_kind_are_no_error() {
    let database = Database::new();
    let store = database.store().await;
    for key in ["", "\0", "unknown", &"x".repeat(4064), "ö'\"--"] {
        let key: SessionKey = key.to_owned().try_into().unwrap();
        assert_eq!(store.load(&key).await.unwrap(), None);
        store.delete(&key).await.unwrap();
        store.update_ttl(&key, &HOUR).await.unwrap();
        store.update(key, state("n", "1"), &HOUR).await.unwrap();
    }
    assert_eq!(database.with(TestDatabase::live_sessions), 0);
}

#[actix_web::test]
async fn time_to_live_is_that_of_actix_session() {
    let database = Database::new();
    let store = database.store().await;
    let key = store.save(state("n", "1"), &HOUR).await.unwrap();
    let id = ConnectPgSessionStore::session_id(&key).unwrap();
    for ttl in [Duration::days(20), Duration::minutes(5)] {
        store.update_ttl(&key, &ttl).await.unwrap();
        let left = store.store().peek::<HashMap<String, String>>(&id).await;
        let left = Duration::try_from(left.unwrap().unwrap().expires_in()).unwrap();
        assert!(left <= ttl && left > ttl - Duration::minutes(1), "{left}");
    }
    store.update_ttl(&key, &Duration::ZERO).await.unwrap();
    assert_eq!(store.load(&key).await.unwrap(), None);
    let key = store.save(state("n", "1"), &Duration::ZERO).await.unwrap();
    assert_eq!(store.load(&key).await.unwrap(), None);
    assert!(
        store
            .save(state("n", "1"), &Duration::days(401))
            .await
            .is_err()
    );
}

#[actix_web::test]
async fn data_of_another_application_is_a_deserialization_error() {
    let database = Database::new();
    let store = database.store().await;
    let attributes = connect_pg::SessionAttributes::new();
    let other = store.store().create("s3cret", &attributes).await.unwrap();
    let key = other.id().as_cookie_value().to_owned().try_into().unwrap();
    let error = store.load(&key).await.unwrap_err();
    assert!(matches!(error, LoadError::Deserialization(_)));
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

#[actix_web::test]
async fn login_with_a_renewed_key_is_a_device_of_the_user() {
    let database = Database::new();
    let store = database.store().await;
    let store = store.with_user_id(|state| {
        let user = state.get("user")?;
        Some(user.trim_matches('"').to_owned())
    });
    let app = test::init_service(
        App::new()
            .wrap(SessionMiddleware::new(store.clone(), Key::generate()))
            .route(
                "/login",
                web::get().to(|session: Session| async move {
                    session.renew();
                    session.insert("user", "ada").unwrap();
                    "logged in"
                }),
            )
            .route(
                "/count",
                web::get().to(|session: Session| async move {
                    let views = session.get::<u64>("views").unwrap().unwrap_or(0) + 1;
                    session.insert("views", views).unwrap();
                    views.to_string()
                }),
            ),
    )
    .await;
    let get = |path: &str, cookie: Option<Cookie<'static>>| {
        let request = test::TestRequest::with_uri(path);
        let request = match cookie {
            Some(cookie) => request.cookie(cookie),
            None => request,
        };
        test::call_service(&app, request.to_request())
    };
    let cookie_of = |response: &ServiceResponse| {
        let cookie = response.response().cookies().next();
        cookie.map(Cookie::into_owned)
    };
    let first = cookie_of(&get("/count", None).await);
    let second = cookie_of(&get("/login", first.clone()).await);
    assert_ne!(first, second);
    let devices = store.store().user_sessions("ada").await.unwrap();
    assert_eq!(devices.len(), 1);
    let page = test::read_body(get("/count", second.clone()).await).await;
    assert_eq!(page, "2");
    assert_eq!(test::read_body(get("/count", first).await).await, "1");

    assert_eq!(
        store.store().end_user_sessions("ada", None).await.unwrap(),
        1
    );
    assert_eq!(test::read_body(get("/count", second).await).await, "1");
}

#[actix_web::test]
async fn renewal_after_log_out_everywhere_makes_no_session() {
    let database = Database::new();
    let store = database.store().await;
    let store = store.with_user_id(|state| {
        let user = state.get("user")?;
        Some(user.trim_matches('"').to_owned())
    });
    let everywhere = store.clone();
    let log_out_everywhere = move || {
        let store = everywhere.store().clone();
        async move { store.end_user_sessions("ada", None).await.unwrap() }
    };
    let before_renewal = log_out_everywhere.clone();
    let before_purge = log_out_everywhere.clone();
    let app = test::init_service(
        App::new()
            .wrap(SessionMiddleware::new(store.clone(), Key::generate()))
            .route(
                "/login/{user}",
                web::get().to(|session: Session, user: web::Path<String>| async move {
                    session.renew();
                    session.insert("user", user.into_inner()).unwrap();
                    "logged in"
                }),
            )
            .route(
                "/user",
                web::get().to(|session: Session| async move {
                    let user = session.get::<String>("user").unwrap();
                    user.unwrap_or_else(|| "anonymous".to_owned())
                }),
            )
            .route(
                "/slow_renew",
                web::get().to(move |session: Session| {
                    let log_out_everywhere = before_renewal.clone();
                    async move {
                        session.get::<String>("user").unwrap();
                        log_out_everywhere().await;
                        session.renew();
                        "renewed"
                    }
                }),
            )
            .route(
                "/slow_logout",
                web::get().to(move |session: Session| {
                    let log_out_everywhere = before_purge.clone();
                    async move {
                        session.get::<String>("user").unwrap();
                        log_out_everywhere().await;
                        session.purge();
                        "logged out"
                    }
                }),
            ),
    )
    .await;
    let get = async |path: &str, cookie: &mut Option<Cookie<'static>>| {
        let request = test::TestRequest::with_uri(path);
        let request = match cookie.clone() {
            Some(cookie) => request.cookie(cookie),
            None => request,
        };
        let response = test::call_service(&app, request.to_request()).await;
        assert!(response.status().is_success(), "{path}");
        if let Some(set) = response.response().cookies().next() {
            let is_removal = set.value().is_empty();
            *cookie = (!is_removal).then(|| set.into_owned());
        }
        test::read_body(response).await
    };
    let mut browser = None;
    get("/login/ada", &mut browser).await;
    assert_eq!(get("/user", &mut browser).await, "ada");
    get("/slow_renew", &mut browser).await;
    assert_eq!(database.with(TestDatabase::live_sessions), 0);
    assert_eq!(get("/user", &mut browser).await, "anonymous");

    // What was noted holds for that request only: the user can log in again, at once.
    get("/login/ada", &mut browser).await;
    assert_eq!(get("/user", &mut browser).await, "ada");
    get("/slow_logout", &mut browser).await;
    assert_eq!(database.with(TestDatabase::live_sessions), 0);
    // A server waits for the next request of a connection.
    actix_web::rt::task::yield_now().await;
    get("/login/ada", &mut browser).await;
    assert_eq!(get("/user", &mut browser).await, "ada");
    assert_eq!(database.with(TestDatabase::live_sessions), 1);

    // Another user's login is no renewal of the session that was ended.
    log_out_everywhere().await;
    get("/login/bob", &mut browser).await;
    assert_eq!(get("/user", &mut browser).await, "bob");
}
