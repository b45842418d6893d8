//! A browser that keeps the session cookie, and what the tests share.

use connect_pg::Store;
use connect_pg_http::{Failure, KeyRing, RequestSession, SessionCookie, Sessions};
use connect_pg_test_database::TestDatabase;
use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Response};
use serde::{Deserialize, Serialize};

/// What the tests store for a visitor.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    pub views: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

pub const KEY: [u8; 64] = [7; 64];

pub fn cookie() -> SessionCookie {
    SessionCookie::builder(KeyRing::new(&KEY).unwrap())
        .build()
        .unwrap()
}

pub fn sessions(database: &TestDatabase) -> Sessions {
    Sessions::new(database.store(), cookie())
}

/// Returns sessions whose every query fails: the port has no listener.
pub fn without_server() -> Sessions {
    let url = "postgresql://nodepg:x@127.0.0.1:1/nowhere?sslmode=disable";
    let store = Store::builder().database_url(url).build().unwrap();
    Sessions::new(store, cookie())
}

/// Returns the only value of a header.
pub fn header<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str().unwrap());
    assert!(values.next().is_none(), "{name} twice: {headers:?}");
    value
}

/// Returns `Set-Cookie`.
pub fn set_cookie(headers: &HeaderMap) -> Option<&str> {
    header(headers, &SET_COOKIE)
}

/// Returns the value of `Max-Age`.
pub fn max_age(set_cookie: &str) -> Option<u64> {
    let (_, rest) = set_cookie.split_once("; Max-Age=")?;
    Some(rest.split(';').next().unwrap().parse().unwrap())
}

/// A browser with at most one cookie.
#[derive(Debug, Clone, Default)]
pub struct Browser {
    /// `name=value`
    pub cookie: Option<String>,
}

impl Browser {
    pub fn new() -> Browser {
        Browser::default()
    }

    /// Returns the headers of its next request.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(cookie) = &self.cookie {
            let value = HeaderValue::try_from(format!("other=1; {cookie}")).unwrap();
            headers.insert(COOKIE, value);
        }
        headers
    }

    /// Keeps the cookie of a response.
    pub fn receive(&mut self, headers: &HeaderMap) {
        if let Some(set) = set_cookie(headers) {
            assert_eq!(header(headers, &CACHE_CONTROL), Some("no-store"));
            let (cookie, attributes) = set.split_once("; ").unwrap();
            let is_removal = attributes.contains("Max-Age=0;");
            self.cookie = (!is_removal).then(|| cookie.to_owned());
        }
    }

    /// Sends a request whose handler does this. Returns the headers of the response.
    pub fn try_visit(
        &mut self,
        sessions: &Sessions,
        handler: impl FnOnce(&mut RequestSession<Visit>),
    ) -> Result<HeaderMap, Failure> {
        let response = sessions.run(&self.headers(), |session| {
            handler(session);
            Ok::<_, Failure>(Response::new(()))
        })?;
        self.receive(response.headers());
        Ok(response.into_parts().0.headers)
    }

    #[track_caller]
    pub fn visit(
        &mut self,
        sessions: &Sessions,
        handler: impl FnOnce(&mut RequestSession<Visit>),
    ) -> HeaderMap {
        self.try_visit(sessions, handler).unwrap()
    }

    /// Adds a view.
    #[track_caller]
    pub fn view(&mut self, sessions: &Sessions) -> HeaderMap {
        self.visit(sessions, add_view)
    }

    #[track_caller]
    pub fn log_in(&mut self, sessions: &Sessions, user_id: &str) -> HeaderMap {
        let attributes = connect_pg::SessionAttributes::new();
        self.visit(sessions, |session| session.log_in(user_id, attributes))
    }

    /// Returns what a request finds: the user, and the views.
    #[track_caller]
    pub fn finds(&self, sessions: &Sessions) -> Option<(Option<String>, u32)> {
        let session: RequestSession<Visit> = sessions.peek(&self.headers()).unwrap();
        let views = session.data()?.views;
        Some((session.user_id().map(ToOwned::to_owned), views))
    }
}

pub fn add_view(session: &mut RequestSession<Visit>) {
    session.change(|visit| visit.views += 1);
}

/// Returns what [`Browser::finds`] returns for a user.
#[expect(clippy::unnecessary_wraps, reason = "to compare")]
pub fn user(user_id: &str, views: u32) -> Option<(Option<String>, u32)> {
    Some((Some(user_id.to_owned()), views))
}

/// Returns what [`Browser::finds`] returns for an anonymous visitor.
#[expect(clippy::unnecessary_wraps, reason = "to compare")]
pub fn anonymous(views: u32) -> Option<(Option<String>, u32)> {
    Some((None, views))
}

/// Logs a user in, with more data than the store accepts.
pub fn log_in_with_large_note(session: &mut RequestSession<Visit>) {
    add_large_note(session);
    session.log_in("ada", connect_pg::SessionAttributes::new());
}

/// Asks for a new id, with more data than the store accepts.
pub fn renew_with_large_note(session: &mut RequestSession<Visit>) {
    add_large_note(session);
    session.renew_id(std::time::Duration::ZERO);
}

fn add_large_note(session: &mut RequestSession<Visit>) {
    session.change(|visit: &mut Visit| visit.note = "x".repeat(2 << 20));
}
