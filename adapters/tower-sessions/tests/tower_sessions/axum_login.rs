//! axum-login 0.18, which is built on tower-sessions 0.14: a login there makes the session the user's.

use std::path::{Path, PathBuf};

use axum::Router;
use connect_pg::SessionId;
use connect_pg_test_database::{Application, program_of_fixture, skip};
use connect_pg_tower_sessions::{ConnectPgStore, session_id};
use tower_sessions_0_14::session::Id;

use crate::application;
use crate::browser::Browser;
use crate::database::Database;

fn id_of(browser: &Browser) -> SessionId {
    let id: Id = browser.cookie.as_deref().unwrap().parse().unwrap();
    session_id(&id).unwrap()
}

/// Returns the program that has tower-sessions-sqlx-store. Its sqlx and a hundred other crates are no dependency of this workspace.
fn program_over_other_store() -> Option<PathBuf> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/tower_sessions_store");
    program_of_fixture(&folder, "tower-sessions-store")
        .map_err(|reason| skip(&format!("its program cannot be built: {reason}")))
        .ok()
}

/// Builds the application. Its first two lines are all that another store needs.
async fn application(database: &Database) -> (Router, ConnectPgStore) {
    let store = database.store().await.with_axum_login("axum-login.data");
    let sessions = store.layer(application::sessions(store.clone()));
    (application::routes().layer(sessions), store)
}

// The visitors keep the cookies that the same application gave them over the other store.
#[tokio::test]
async fn visitors_of_tower_sessions_sqlx_store_stay_logged_in() {
    let Some(program) = program_over_other_store() else {
        return;
    };
    let database = Database::new();
    let [phone, laptop, anonymous, left] = database.with(move |database| {
        let (name, role) = (&database.name, database.role());
        database.execute(&format!("grant create on database {name} to {role}"));
        let password = ("PGPASSWORD", database.password.as_str());
        let old = Application::start(&program, database, &[password]);
        let [mut phone, mut laptop, mut anonymous, mut left] = [(); 4].map(|()| old.visitor());
        for visitor in [&mut phone, &mut laptop, &mut left] {
            assert_eq!(visitor.get("/login/42").status, 200);
            assert_eq!(visitor.get("/").body, "42");
        }
        let cookie_of_left = left.cookie.clone();
        assert_eq!(left.get("/logout").status, 200);
        left.cookie = cookie_of_left;
        for visitor in [&mut laptop, &mut anonymous] {
            assert_eq!(visitor.get("/count").body, "1");
        }
        drop(old);

        let import = [
            "import",
            "--from=tower-sessions-sqlx-store",
            "--user-pointer=/axum-login.data/user_id",
        ];
        let report = database.session_admin(&import);
        assert!(report.starts_with("3 imported, 0 already"), "{report}");
        // A repetition is harmless.
        let report = database.session_admin(&import);
        assert!(report.starts_with("0 imported, 3 already"), "{report}");
        [phone, laptop, anonymous, left]
    });

    let (app, store) = application(&database).await;
    let [mut phone, mut laptop, mut anonymous, mut left] =
        [phone, laptop, anonymous, left].map(|visitor| {
            let cookie = visitor.cookie.unwrap();
            let mut browser = Browser::new(&app);
            browser.cookie = cookie.strip_prefix("id=").map(ToOwned::to_owned);
            browser
        });
    for (browser, user) in [
        (&mut phone, "42"),
        (&mut laptop, "42"),
        (&mut left, "anonymous"),
    ] {
        assert_eq!(browser.text("/").await, user);
    }
    // What they stored is there, and they can store more.
    for (browser, views) in [(&mut phone, "1"), (&mut laptop, "2"), (&mut anonymous, "2")] {
        assert_eq!(browser.text("/count").await, views);
    }
    // The devices of the user are known, and a device can be logged out.
    assert_eq!(store.store().user_sessions("42").await.unwrap().len(), 2);
    let id = id_of(&phone);
    let ended = store.store().end_user_sessions("42", Some(&id)).await;
    assert_eq!(ended.unwrap(), 1);
    assert_eq!(laptop.text("/").await, "anonymous");
    assert_eq!(phone.text("/").await, "42");
}

// After an import that was not told where the data names the user.
#[tokio::test]
async fn session_that_knows_its_user_by_its_data_only_can_be_saved() {
    let database = Database::new();
    let (app, store) = application(&database).await;
    let mut browser = Browser::new(&app);
    browser.text("/login/42").await;
    database.with(|database| database.execute("update web.session set user_id = null"));
    assert_eq!(browser.text("/count").await, "1");
    assert_eq!(browser.text("/").await, "42");
    // The next login makes it the user's again.
    assert_eq!(store.store().user_sessions("42").await.unwrap().len(), 0);
    browser.text("/logout").await;
    browser.text("/login/42").await;
    assert_eq!(store.store().user_sessions("42").await.unwrap().len(), 1);
}

#[tokio::test]
async fn login_and_logout_of_axum_login_are_those_of_the_session() {
    let database = Database::new();
    let (app, store) = application(&database).await;
    let (mut phone, mut laptop) = (Browser::new(&app), Browser::new(&app));
    for browser in [&mut phone, &mut laptop] {
        assert_eq!(browser.text("/").await, "anonymous");
        browser.text("/login/42").await;
        assert_eq!(browser.text("/").await, "42");
    }
    let devices = store.store().user_sessions("42").await.unwrap();
    assert_eq!(devices.len(), 2);

    // "Log out everywhere else", on the laptop.
    let ended = store
        .store()
        .end_user_sessions("42", Some(&id_of(&laptop)))
        .await;
    assert_eq!(ended.unwrap(), 1);
    assert_eq!(phone.text("/").await, "anonymous");
    assert_eq!(laptop.text("/").await, "42");

    laptop.text("/logout").await;
    assert_eq!(laptop.text("/").await, "anonymous");
    assert_eq!(database.live_sessions(), 0);
}
