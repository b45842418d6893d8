//! Requests of one visitor at the same time.

use std::thread;

use connect_pg::SessionAttributes;
use connect_pg_http::{Failure, RequestSession};
use connect_pg_test_database::TestDatabase;
use http::StatusCode;

use crate::browser::{Browser, Visit, add_view, anonymous, sessions, set_cookie, user};

#[test]
fn concurrent_changes_are_all_stored() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.view(&sessions);
    // Both have loaded before one saves.
    let mut one: RequestSession<Visit> = sessions.begin(&browser.headers()).unwrap();
    let mut other: RequestSession<Visit> = sessions.begin(&browser.headers()).unwrap();
    add_view(&mut one);
    other.change(|visit| visit.views += 10);
    other.change(|visit| visit.views *= 2);
    assert_eq!(sessions.finish(one).unwrap().set_cookie(), None);
    assert_eq!(sessions.finish(other).unwrap().set_cookie(), None);
    assert_eq!(browser.finds(&sessions), anonymous(24));
}

#[test]
fn equal_concurrent_changes_are_both_stored() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.view(&sessions);
    let requests: Vec<RequestSession<Visit>> = (0..3)
        .map(|_| sessions.begin(&browser.headers()).unwrap())
        .collect();
    for mut request in requests {
        add_view(&mut request);
        let _ = sessions.finish(request).unwrap();
    }
    assert_eq!(browser.finds(&sessions), anonymous(4));
}

#[test]
fn many_requests_at_once_lose_no_change() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.view(&sessions);
    thread::scope(|scope| {
        for _ in 0..8 {
            let mut tab = browser.clone();
            let sessions = &sessions;
            scope.spawn(move || {
                for _ in 0..10 {
                    tab.view(sessions);
                }
            });
        }
    });
    assert_eq!(browser.finds(&sessions), anonymous(81));
    assert_eq!(database.live_sessions(), 1);
}

#[test]
fn change_after_concurrent_logout_is_gone() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.log_in(&sessions, "ada");
    let mut slow: RequestSession<Visit> = sessions.begin(&browser.headers()).unwrap();
    let reader: RequestSession<Visit> = sessions.begin(&browser.headers()).unwrap();
    let mut renewer: RequestSession<Visit> = sessions.begin(&browser.headers()).unwrap();
    browser.visit(&sessions, RequestSession::log_out);
    add_view(&mut slow);
    renewer.renew_id(std::time::Duration::ZERO);
    for late in [slow, renewer] {
        let failure = sessions.finish(late).unwrap_err();
        assert!(matches!(failure, Failure::Gone), "{failure}");
        assert_eq!(failure.status(), StatusCode::CONFLICT);
    }
    // A request that changes nothing needs no session.
    assert_eq!(sessions.finish(reader).unwrap().set_cookie(), None);
    assert_eq!(database.live_sessions(), 0);
}

#[test]
fn view_after_concurrent_login_keeps_new_cookie() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.view(&sessions);
    let mut tab = browser.clone();
    // One request has loaded the session, and another one loads it too late.
    let mut loaded: RequestSession<Visit> = sessions.begin(&tab.headers()).unwrap();
    browser.log_in(&sessions, "ada");
    add_view(&mut loaded);
    assert!(matches!(sessions.finish(loaded), Err(Failure::Gone)));
    let headers = tab.visit(&sessions, |session| {
        assert_eq!(session.user_id(), None);
        add_view(session);
    });
    assert_eq!(set_cookie(&headers), None);
    assert_eq!(database.live_sessions(), 1);
    assert_eq!(browser.finds(&sessions), user("ada", 1));
}

#[test]
fn slow_response_sends_no_old_cookie_after_a_login() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.view(&sessions);
    // The cookie is due to be sent again.
    database.execute("update web.session set idle_timeout_seconds = 172800, expires_at = expires_at + interval '1 day'");
    let slow: RequestSession<Visit> = sessions.begin(&browser.headers()).unwrap();
    let prompt: RequestSession<Visit> = sessions.begin(&browser.headers()).unwrap();
    assert!(sessions.finish(prompt).unwrap().set_cookie().is_some());
    browser.log_in(&sessions, "ada");
    assert_eq!(sessions.finish(slow).unwrap().set_cookie(), None);
    assert_eq!(browser.finds(&sessions), user("ada", 1));
}

#[test]
fn two_logins_at_once_both_succeed() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.view(&sessions);
    let mut tabs = [browser.clone(), browser.clone()];
    let requests = tabs.each_ref().map(|tab| {
        let mut request: RequestSession<Visit> = sessions.begin(&tab.headers()).unwrap();
        request.log_in("ada", SessionAttributes::new());
        request.change(|visit| visit.views += 1);
        request
    });
    for (tab, request) in tabs.iter_mut().zip(requests) {
        let mut headers = http::HeaderMap::new();
        sessions.finish(request).unwrap().apply(&mut headers);
        tab.receive(&headers);
    }
    // The first takes the data along. The second finds no session, and begins with its own change.
    assert_eq!(tabs[0].finds(&sessions), user("ada", 2));
    assert_eq!(tabs[1].finds(&sessions), user("ada", 1));
    assert_eq!(browser.finds(&sessions), None);
}

#[test]
fn logout_during_a_slow_request_holds() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.log_in(&sessions, "ada");
    let mut superuser = database.superuser();
    let mut transaction = superuser.transaction().unwrap();
    transaction
        .execute("select from web.session for update", &[])
        .unwrap();
    // The logout waits for the row first, then the save.
    let (mut tab, mut other) = (browser.clone(), browser.clone());
    thread::scope(|scope| {
        let logout = scope.spawn(|| tab.try_visit(&sessions, RequestSession::log_out));
        database.wait_until_blocked(1);
        let view = scope.spawn(|| other.try_visit(&sessions, add_view));
        database.wait_until_blocked(2);
        transaction.commit().unwrap();
        assert!(logout.join().unwrap().is_ok());
        assert!(matches!(view.join().unwrap(), Err(Failure::Gone)));
    });
    assert_eq!(database.live_sessions(), 0);
}
