//! One request after the other: what is loaded, stored and sent.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use connect_pg::SessionAttributes;
use connect_pg_http::{Failure, RequestSession};
use connect_pg_test_database::TestDatabase;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::browser::{
    Browser, Visit, add_view, anonymous, header, log_in_with_large_note, renew_with_large_note,
    sessions, set_cookie, user, without_server,
};

#[test]
fn request_without_cookie_makes_no_query_unless_there_is_something_to_store() {
    let sessions = without_server();
    let mut browser = Browser::new();
    let headers = browser.visit(&sessions, |session| {
        assert_eq!((session.data(), session.user_id()), (None, None));
        assert!(session.id().is_none());
    });
    assert!(headers.is_empty(), "{headers:?}");
    let headers = browser.visit(&sessions, RequestSession::log_out);
    assert!(set_cookie(&headers).is_some(), "the removal needs no query");
    let failure = browser.try_visit(&sessions, add_view).unwrap_err();
    assert_eq!(failure.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[test]
fn request_without_data_makes_no_row() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.visit(&sessions, |_| {});
    assert_eq!(database.live_sessions(), 0);
    browser.view(&sessions);
    assert_eq!(database.live_sessions(), 1);
}

#[test]
fn request_that_changes_nothing_writes_nothing() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.view(&sessions);
    let row = "select xmin::text from web.session";
    let before: String = database.value(row);
    browser.visit(&sessions, |session| {
        assert_eq!(session.data().map(|visit| visit.views), Some(1));
    });
    // The same data is not even sent: the locked row would keep a save waiting.
    let mut superuser = database.superuser();
    let mut transaction = superuser.transaction().unwrap();
    transaction
        .execute("select from web.session for update", &[])
        .unwrap();
    browser.visit(&sessions, |session| {
        session.change(|visit| visit.views += 1);
        session.change(|visit| visit.views -= 1);
    });
    transaction.rollback().unwrap();
    assert_eq!(database.value::<String>(row), before);
    browser.view(&sessions);
    assert_ne!(database.value::<String>(row), before);
}

#[test]
fn change_is_stored_when_the_response_is_there() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    for views in 1..=3 {
        browser.visit(&sessions, |session| {
            let visit = session.change(|visit: &mut Visit| visit.views += 1);
            assert_eq!(visit.views, views);
        });
        let stored: String = database.value("select data from web.session");
        assert_eq!(stored, format!("{{\"views\":{views}}}"));
    }
}

#[test]
fn failed_handler_stores_nothing() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.view(&sessions);
    for headers in [browser.headers(), HeaderMap::new()] {
        let result = sessions.run(&headers, |session| {
            add_view(session);
            session.log_in("ada", SessionAttributes::new());
            Err::<Response<()>, _>(Failure::Gone)
        });
        assert!(matches!(result, Err(Failure::Gone)));
    }
    assert_eq!(browser.finds(&sessions), anonymous(1));
    assert_eq!(database.live_sessions(), 1);
}

#[test]
fn login_or_new_id_with_too_large_data_changes_nothing() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    for intent in [log_in_with_large_note, renew_with_large_note] {
        let mut browser = Browser::new();
        browser.view(&sessions);
        let failure = browser.try_visit(&sessions, intent).unwrap_err();
        assert_eq!(failure.status(), StatusCode::PAYLOAD_TOO_LARGE);
        // The browser keeps its session and its id.
        browser.view(&sessions);
        assert_eq!(browser.finds(&sessions), anonymous(2));
        assert_eq!(database.live_sessions(), 1);
        browser.visit(&sessions, RequestSession::log_out);
    }
}

#[test]
fn login_with_much_data_is_stored() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.view(&sessions);
    browser.visit(&sessions, |session| {
        session.change(|visit| visit.note = "x".repeat(20_000));
        session.log_in("ada", SessionAttributes::new());
    });
    assert_eq!(browser.finds(&sessions), user("ada", 1));
    let bytes: i32 = database.value("select max(length(data)) from web.session");
    assert!(bytes > 20_000, "{bytes}");
}

#[test]
fn login_whose_save_fails_leaves_no_session() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.view(&sessions);
    // Every save fails, and a login does not.
    let role = database.role();
    database.execute(&format!(
        "revoke execute on function web.save_session from {role};
         revoke execute on function web.save_sessions from {role}"
    ));
    let failure = browser.try_visit(&sessions, |session| {
        add_view(session);
        session.log_in("ada", SessionAttributes::new());
    });
    assert_eq!(
        failure.unwrap_err().status(),
        StatusCode::INTERNAL_SERVER_ERROR
    );
    assert_eq!(database.live_sessions(), 0);
}

#[test]
fn panic_in_handler_stores_nothing_and_later_requests_work() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.view(&sessions);
    for _ in 0..10 {
        let result = catch_unwind(AssertUnwindSafe(|| {
            browser.clone().visit(&sessions, |session| {
                add_view(session);
                session.log_out();
                panic!("the handler panics");
            })
        }));
        assert!(result.is_err());
    }
    assert_eq!(browser.finds(&sessions), anonymous(1));
    browser.view(&sessions);
    assert_eq!(browser.finds(&sessions), anonymous(2));
}

#[test]
fn response_with_status_500_is_no_error() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    let response = sessions.run(&browser.headers(), |session| {
        add_view(session);
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        Ok::<_, Failure>(response)
    });
    browser.receive(response.unwrap().headers());
    assert_eq!(browser.finds(&sessions), anonymous(1));
}

#[test]
fn login_gives_new_id_and_keeps_data() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.view(&sessions);
    // An attacker who planted this cookie has it too.
    let planted = browser.clone();
    let headers = browser.visit(&sessions, |session| {
        session.log_in("ada", SessionAttributes::new().user_agent("Firefox"));
        assert_eq!(session.user_id(), Some("ada"));
        add_view(session);
    });
    assert!(set_cookie(&headers).is_some());
    assert_eq!(browser.finds(&sessions), user("ada", 2));
    assert_eq!(planted.finds(&sessions), None);
    assert_eq!(database.live_sessions(), 1);
    let devices = sessions.store().user_sessions("ada").unwrap();
    assert_eq!(devices[0].user_agent(), Some("Firefox"));

    // A second login of the same user changes the id again.
    let before = browser.clone();
    browser.log_in(&sessions, "ada");
    assert_eq!(browser.finds(&sessions), user("ada", 2));
    assert_eq!(before.finds(&sessions), None);

    // Without a session before, too.
    let mut other = Browser::new();
    other.log_in(&sessions, "ada");
    assert_eq!(other.finds(&sessions), user("ada", 0));
}

#[test]
fn login_of_another_user_begins_without_data() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.log_in(&sessions, "ada");
    browser.view(&sessions);
    let of_ada = browser.clone();
    browser.visit(&sessions, |session| {
        // What is changed before the login is of ada.
        add_view(session);
        session.log_in("bob", SessionAttributes::new());
        assert_eq!((session.data(), session.user_id()), (None, Some("bob")));
        session.change(|visit| visit.views += 10);
    });
    assert_eq!(browser.finds(&sessions), user("bob", 10));
    assert_eq!(of_ada.finds(&sessions), None);
    assert_eq!(database.live_sessions(), 1);
}

#[test]
fn refused_login_changes_nothing() {
    let database = TestDatabase::new();
    database.execute("update web.settings set max_sessions_per_user = 1, reject_over_limit = true");
    let sessions = sessions(&database);
    let (mut one, mut other) = (Browser::new(), Browser::new());
    one.log_in(&sessions, "ada");
    other.log_in(&sessions, "bob");
    let before = other.clone();
    let failure = other
        .try_visit(&sessions, |session| {
            session.log_in("ada", SessionAttributes::new());
        })
        .unwrap_err();
    assert_eq!(failure.status(), StatusCode::CONFLICT);
    assert_eq!(other.cookie, before.cookie);
    assert_eq!(other.finds(&sessions), user("bob", 0));
    assert_eq!(one.finds(&sessions), user("ada", 0));
}

#[test]
fn refused_login_stores_nothing_under_the_old_id() {
    let database = TestDatabase::new();
    database.execute("update web.settings set max_sessions_per_user = 1, reject_over_limit = true");
    let sessions = sessions(&database);
    let (mut one, mut planted) = (Browser::new(), Browser::new());
    one.log_in(&sessions, "ada");
    planted.view(&sessions);
    let failure = planted
        .try_visit(&sessions, |session| {
            session.change(|visit| visit.views = 42);
            session.log_in("ada", SessionAttributes::new());
        })
        .unwrap_err();
    assert_eq!(failure.status(), StatusCode::CONFLICT);
    assert_eq!(planted.finds(&sessions), anonymous(1));

    // Where the login succeeds, the data is stored under the new id.
    let mut old = planted.clone();
    planted.visit(&sessions, |session| {
        session.change(|visit| visit.views = 42);
        session.log_in("bob", SessionAttributes::new());
    });
    assert_eq!(planted.finds(&sessions), user("bob", 42));
    assert_eq!(old.finds(&sessions), None);
    old.view(&sessions);
    assert_eq!(planted.finds(&sessions), user("bob", 42));
}

#[test]
fn logout_ends_the_session() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.log_in(&sessions, "ada");
    let stolen = browser.clone();
    browser.visit(&sessions, |session| {
        session.log_out();
        assert_eq!((session.data(), session.user_id()), (None, None));
    });
    assert_eq!(browser.cookie, None);
    assert_eq!(stolen.finds(&sessions), None);
    assert_eq!(database.live_sessions(), 0);
    // The old cookie again: it ends nothing, and the removal is sent again.
    let mut again = stolen.clone();
    assert!(set_cookie(&again.visit(&sessions, RequestSession::log_out)).is_some());

    // A farewell, for the next page.
    browser.log_in(&sessions, "ada");
    browser.view(&sessions);
    browser.visit(&sessions, |session| {
        session.log_out();
        session.change(|visit| visit.views = 100);
    });
    assert_eq!(browser.finds(&sessions), anonymous(100));
    // A login of another user in the same request.
    browser.visit(&sessions, |session| {
        session.log_out();
        session.log_in("bob", SessionAttributes::new());
    });
    assert_eq!(browser.finds(&sessions), user("bob", 0));
    assert_eq!(database.live_sessions(), 1);
}

#[test]
fn logout_elsewhere_leaves_this_session() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut devices = [Browser::new(), Browser::new(), Browser::new()];
    for device in &mut devices {
        device.log_in(&sessions, "ada");
    }
    let [here, mut elsewhere, another] = devices;
    let store = sessions.store().clone();
    here.clone().visit(&sessions, |session| {
        let ended = store.end_user_sessions("ada", session.id()).unwrap();
        assert_eq!(ended, 2);
    });
    assert_eq!(here.finds(&sessions), user("ada", 0));
    assert_eq!(another.finds(&sessions), None);
    // The cookie of an ended session is not removed: a login of another tab may have been faster.
    let headers = elsewhere.visit(&sessions, |session| {
        assert_eq!((session.data(), session.user_id()), (None, None));
    });
    assert!(headers.is_empty(), "{headers:?}");
    // A change begins a new session.
    elsewhere.view(&sessions);
    assert_eq!(elsewhere.finds(&sessions), anonymous(1));
}

#[test]
fn new_id_keeps_all_else() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.log_in(&sessions, "ada");
    let before = browser.clone();
    browser.visit(&sessions, |session| {
        session.renew_id(Duration::from_secs(60));
        add_view(session);
    });
    assert_ne!(browser.cookie, before.cookie);
    assert_eq!(browser.finds(&sessions), user("ada", 1));
    assert_eq!(before.finds(&sessions), user("ada", 1), "during the grace");
    browser.visit(&sessions, |session| session.renew_id(Duration::ZERO));
    assert_eq!(browser.finds(&sessions), user("ada", 1));
    // Without a session there is no id to change.
    let headers = Browser::new().visit(&sessions, |session| session.renew_id(Duration::ZERO));
    assert!(headers.is_empty());
}

#[test]
fn attributes_are_those_of_a_session_that_is_created() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    for agent in ["Firefox", "Chromium"] {
        browser.visit(&sessions, |session| {
            session.set_attributes(SessionAttributes::new().user_agent(agent));
            add_view(session);
        });
        let stored: String = database.value("select user_agent from web.session");
        assert_eq!(stored, "Firefox");
    }
}

#[test]
fn response_with_cookie_is_not_cached() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let run = |browser: &mut Browser, control: Option<&'static str>, change: bool| {
        let response = sessions.run(&browser.headers(), |session| {
            if change {
                session.change(|visit: &mut Visit| visit.views += 1);
            }
            let mut response = Response::new(());
            if let Some(control) = control {
                let control = HeaderValue::from_static(control);
                response.headers_mut().insert(CACHE_CONTROL, control);
            }
            let own = HeaderValue::from_static("theme=dark");
            response.headers_mut().insert(SET_COOKIE, own);
            Ok::<_, Failure>(response)
        });
        let mut headers = response.unwrap().into_parts().0.headers;
        // The application's own cookie stays.
        let cookies: Vec<_> = headers.get_all(SET_COOKIE).iter().cloned().collect();
        assert_eq!(cookies[0], "theme=dark");
        headers.remove(SET_COOKIE);
        for cookie in cookies.into_iter().skip(1) {
            headers.append(SET_COOKIE, cookie);
        }
        browser.receive(&headers);
        header(&headers, &CACHE_CONTROL).map(ToOwned::to_owned)
    };
    let mut browser = Browser::new();
    assert_eq!(run(&mut browser, None, false), None);
    let public = Some("public, max-age=600");
    assert_eq!(run(&mut browser, public, false).as_deref(), public);
    assert_eq!(run(&mut browser, public, true).as_deref(), Some("no-store"));
    assert!(browser.cookie.is_some());
    for change in [false, true] {
        assert_eq!(run(&mut browser, None, change).as_deref(), Some("private"));
        assert_eq!(run(&mut browser, public, change).as_deref(), public);
    }
}

#[test]
fn debug_shows_neither_id_nor_data_nor_user() {
    let database = TestDatabase::new();
    let sessions = sessions(&database);
    let mut browser = Browser::new();
    browser.log_in(&sessions, "s3cret");
    browser.visit(&sessions, |session| {
        session.change(|visit| visit.views = 424_242);
        let id = session.id().unwrap().as_cookie_value().to_owned();
        let text = format!("{session:?} {sessions:?}");
        for secret in [id.as_str(), "s3cret", "424242", "7, 7"] {
            assert!(!text.contains(secret), "{text}");
        }
    });
}
