//! The store under tower-sessions and axum-login, over HTTP, on a real server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic"
)]

#[macro_use]
mod route_tests;

/// The application that the tests of axum-login and of the move from another store run.
#[path = "../../../../tests/fixtures/tower_sessions_store/src/application.rs"]
mod application;
mod axum_login;
mod browser;
mod database;
mod outage;
mod readme;
mod records;
mod requests;

/// tower-sessions' own tests.
mod with_layer {
    use axum::Router;

    use crate::database::Database;
    use crate::route_tests::build_app;

    async fn app(max_age: Option<Duration>, domain: Option<String>) -> Router {
        let database = Database::new();
        let app = build_app(&database.store().await, true, max_age, domain);
        database.kept_by(app)
    }

    route_tests!(app);
}

/// The same without the layer of this crate.
mod without_layer {
    use axum::Router;

    use crate::database::Database;
    use crate::route_tests::build_app;

    async fn app(max_age: Option<Duration>, domain: Option<String>) -> Router {
        let database = Database::new();
        let app = build_app(&database.store().await, false, max_age, domain);
        database.kept_by(app)
    }

    route_tests!(app);
}
