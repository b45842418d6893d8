//! The same with the asynchronous store, whose calls follow from the same state machine.

use std::sync::Arc;

use connect_pg::SessionAttributes;
use connect_pg::tokio::Store;
use connect_pg_http::tokio::Sessions;
use connect_pg_http::{Failure, OnOutage, RequestSession};
use connect_pg_test_database::TestDatabase;
use http::{HeaderMap, Response, StatusCode};
use tokio::runtime::Runtime;

use crate::browser::{
    self, Browser, Visit, add_view, anonymous, cookie, log_in_with_large_note,
    renew_with_large_note, set_cookie, user,
};

/// The runtime of one test. The database is asked outside of it.
struct Asynchronous {
    runtime: Runtime,
    sessions: Sessions,
}

impl Asynchronous {
    fn new(database: &TestDatabase) -> Asynchronous {
        let runtime = Runtime::new().unwrap();
        let store = runtime.block_on(Store::connect(&database.url())).unwrap();
        Asynchronous {
            runtime,
            sessions: Sessions::new(store, cookie()),
        }
    }

    fn visit(
        &self,
        browser: &mut Browser,
        handler: impl FnOnce(&mut RequestSession<Visit>),
    ) -> Result<HeaderMap, Failure> {
        let request = browser.headers();
        let run = self.sessions.run(&request, async |session| {
            handler(session);
            Ok::<_, Failure>(Response::new(()))
        });
        let headers = self.runtime.block_on(run)?.into_parts().0.headers;
        browser.receive(&headers);
        Ok(headers)
    }
}

#[test]
fn requests_load_change_log_in_and_log_out() {
    let database = TestDatabase::new();
    let asynchronous = Asynchronous::new(&database);
    let synchronous = browser::sessions(&database);
    let mut browser = Browser::new();
    let headers = asynchronous.visit(&mut browser, |_| {}).unwrap();
    assert!(headers.is_empty());
    asynchronous.visit(&mut browser, add_view).unwrap();
    let before = browser.clone();
    let log_in = |session: &mut RequestSession<Visit>| {
        add_view(session);
        session.log_in("ada", SessionAttributes::new());
    };
    asynchronous.visit(&mut browser, log_in).unwrap();
    assert_eq!(browser.finds(&synchronous), user("ada", 2));
    assert_eq!(before.finds(&synchronous), None);
    let renew = |session: &mut RequestSession<Visit>| session.renew_id(std::time::Duration::ZERO);
    asynchronous.visit(&mut browser, renew).unwrap();
    assert_eq!(browser.finds(&synchronous), user("ada", 2));
    let log_out = RequestSession::log_out;
    asynchronous.visit(&mut browser, log_out).unwrap();
    assert_eq!(browser.cookie, None);
    assert_eq!(database.live_sessions(), 0);
}

#[test]
fn many_tasks_lose_no_change() {
    let database = TestDatabase::new();
    let asynchronous = Asynchronous::new(&database);
    let mut browser = Browser::new();
    asynchronous.visit(&mut browser, add_view).unwrap();
    let sessions = Arc::new(asynchronous.sessions.clone());
    // A task needs a future that is Send.
    let tasks = (0..20).map(|_| {
        let (headers, sessions) = (browser.headers(), Arc::clone(&sessions));
        asynchronous.runtime.spawn(async move {
            let mut session: RequestSession<Visit> = sessions.begin(&headers).await?;
            add_view(&mut session);
            sessions.finish(session).await
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        let finished = asynchronous.runtime.block_on(task).unwrap();
        assert_eq!(finished.unwrap().set_cookie(), None);
    }
    let synchronous = browser::sessions(&database);
    assert_eq!(browser.finds(&synchronous), anonymous(21));
}

#[test]
fn ended_session_stays_ended() {
    let database = TestDatabase::new();
    let asynchronous = Asynchronous::new(&database);
    let mut browser = Browser::new();
    asynchronous.visit(&mut browser, add_view).unwrap();
    let (sessions, headers) = (&asynchronous.sessions, browser.headers());
    let begun = asynchronous.runtime.block_on(sessions.begin(&headers));
    let mut slow: RequestSession<Visit> = begun.unwrap();
    let headers = asynchronous.visit(&mut browser, RequestSession::log_out);
    assert!(set_cookie(&headers.unwrap()).is_some());
    add_view(&mut slow);
    let finished = asynchronous.runtime.block_on(sessions.finish(slow));
    assert!(matches!(finished, Err(Failure::Gone)));
    assert_eq!(database.live_sessions(), 0);
}

#[test]
fn login_or_new_id_with_too_large_data_changes_nothing() {
    let database = TestDatabase::new();
    let asynchronous = Asynchronous::new(&database);
    let synchronous = browser::sessions(&database);
    for intent in [log_in_with_large_note, renew_with_large_note] {
        let mut browser = Browser::new();
        asynchronous.visit(&mut browser, add_view).unwrap();
        let failure = asynchronous.visit(&mut browser, intent).unwrap_err();
        assert_eq!(failure.status(), StatusCode::PAYLOAD_TOO_LARGE);
        asynchronous.visit(&mut browser, add_view).unwrap();
        assert_eq!(browser.finds(&synchronous), anonymous(2));
    }
}

#[test]
fn outage_keeps_the_cookie() {
    let database = TestDatabase::new();
    let mut asynchronous = Asynchronous::new(&database);
    let mut browser = Browser::new();
    asynchronous.visit(&mut browser, add_view).unwrap();
    let cookie = browser.cookie.clone();
    database.set_available(false);
    let failure = asynchronous.visit(&mut browser, add_view).unwrap_err();
    assert_eq!(failure.status(), StatusCode::SERVICE_UNAVAILABLE);
    asynchronous.sessions = asynchronous.sessions.on_outage(OnOutage::Anonymous);
    let headers = asynchronous.visit(&mut browser, |session| {
        assert!(session.is_outage());
        add_view(session);
    });
    assert!(headers.unwrap().is_empty());
    assert_eq!(browser.cookie, cookie);
    database.set_available(true);
    assert_eq!(database.live_sessions(), 1);
}
