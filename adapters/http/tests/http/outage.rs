//! A database that is unavailable is no logout.

use connect_pg::SessionAttributes;
use connect_pg_http::{OnOutage, RequestSession};
use connect_pg_test_database::TestDatabase;
use http::StatusCode;

use crate::browser::{Browser, Visit, add_view, anonymous, sessions, user};

#[test]
fn outage_is_an_error_and_keeps_the_cookie() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.log_in(&sessions, "ada");
    // Broken connections are replaced within the request.
    database.terminate_connections();
    browser.view(&sessions);

    let cookie = browser.cookie.clone();
    let begun: RequestSession<Visit> = sessions.begin(&browser.headers()).unwrap();
    database.set_available(false);
    let mut called = false;
    let failure = browser.try_visit(&sessions, |_| called = true).unwrap_err();
    assert_eq!(failure.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!called);
    // The outage begins between load and save.
    let mut begun = begun;
    add_view(&mut begun);
    let failure = sessions.finish(begun).unwrap_err();
    assert_eq!(failure.status(), StatusCode::SERVICE_UNAVAILABLE);

    database.set_available(true);
    assert_eq!(browser.cookie, cookie);
    assert_eq!(browser.finds(&sessions), user("ada", 1));
}

#[test]
fn anonymous_session_of_an_outage_stores_nothing_and_keeps_the_cookie() {
    let database = TestDatabase::new();
    let sessions = sessions(&database).on_outage(OnOutage::Anonymous);
    let mut browser = Browser::new();
    browser.log_in(&sessions, "ada");
    let cookie = browser.cookie.clone();
    database.set_available(false);
    let headers = browser.visit(&sessions, |session| {
        assert!(session.is_outage());
        assert_eq!((session.data(), session.user_id()), (None, None));
        add_view(session);
    });
    assert!(headers.is_empty(), "{headers:?}");
    for attempt in [
        RequestSession::log_out as fn(&mut RequestSession<Visit>),
        |session| session.log_in("bob", SessionAttributes::new()),
        |session| session.renew_id(std::time::Duration::ZERO),
    ] {
        let failure = browser.try_visit(&sessions, attempt).unwrap_err();
        assert_eq!(failure.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    // A visitor without a cookie has nothing to lose, and nothing can be stored.
    let failure = Browser::new().try_visit(&sessions, add_view).unwrap_err();
    assert_eq!(failure.status(), StatusCode::SERVICE_UNAVAILABLE);

    database.set_available(true);
    assert_eq!(browser.cookie, cookie);
    assert_eq!(browser.finds(&sessions), user("ada", 0));
    assert_eq!(database.live_sessions(), 1);
}

#[test]
fn other_error_of_the_store_is_an_error_in_both_cases() {
    let database = TestDatabase::new();
    for on_outage in [OnOutage::Fail, OnOutage::Anonymous] {
        let sessions = sessions(&database).on_outage(on_outage);
        let mut browser = Browser::new();
        browser.log_in(&sessions, "ada");
        let role = database.role();
        database.execute(&format!("revoke usage on schema web from {role}"));
        // Only a new connection looks up the functions again.
        database.terminate_connections();
        let failure = browser.try_visit(&sessions, |_| {}).unwrap_err();
        assert_eq!(failure.status(), StatusCode::INTERNAL_SERVER_ERROR);
        database.execute(&format!("grant usage on schema web to {role}"));
        assert_eq!(browser.finds(&sessions), user("ada", 0));
    }
}

#[test]
fn data_that_is_too_large_is_refused_and_the_rest_stays() {
    let database = TestDatabase::new();
    database.execute("update web.settings set max_data_bytes = 8192");
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.view(&sessions);
    let failure = browser
        .try_visit(&sessions, |session| {
            session.change(|visit| visit.note = "x".repeat(8192));
        })
        .unwrap_err();
    assert_eq!(failure.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(browser.finds(&sessions), Some((None, 1)));
    // Nor does a login with it take place.
    let failure = browser
        .try_visit(&sessions, |session| {
            session.change(|visit| visit.note = "x".repeat(8192));
            session.log_in("ada", SessionAttributes::new());
        })
        .unwrap_err();
    assert_eq!(failure.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(browser.finds(&sessions), anonymous(1));
}
