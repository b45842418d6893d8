//! What the site does for each request.

use std::io::{self, Read, Write};
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use connect_pg_http::{Failure, RequestSession, Sessions, is_cross_origin_write};
use example_site::{
    LogIn, Visit, asset, device_attributes, devices, end_device_form, ended, home, message,
    see_other,
};
use oxhttp::model::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use oxhttp::model::{Body, HeaderValue, Method, Request, Response, StatusCode};

use crate::events::{Awaited, Events};

/// The largest body of a request, in bytes.
const MAX_BODY: u64 = 8 * 1024;
/// The longest wait of `/slow`, in milliseconds.
const MAX_SLOW: u64 = 60_000;

pub struct Application {
    sessions: Sessions,
    events: Arc<Events>,
}

/// The reasons why a request gets no page.
enum Refusal {
    Session(Failure),
    Status(StatusCode, &'static str),
    NotAllowed { allowed: &'static str },
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        Refusal::Session(failure)
    }
}

impl From<connect_pg::Error> for Refusal {
    fn from(error: connect_pg::Error) -> Refusal {
        Refusal::Session(error.into())
    }
}

type Answer = Result<Response<String>, Refusal>;

impl Application {
    pub fn new(sessions: Sessions, events: Arc<Events>) -> Application {
        Application { sessions, events }
    }

    pub fn respond(&self, request: &mut Request<Body>) -> Response<Body> {
        let answer = body(request).and_then(|body| self.route(request, &body));
        let answer = answer.unwrap_or_else(|refusal| refusal.into_response(request));
        let mut response = answer.map(Body::from);
        if request.method() == Method::HEAD {
            *response.body_mut() = Body::empty();
        }
        response
    }

    fn route(&self, request: &Request<Body>, body: &[u8]) -> Answer {
        if is_cross_origin_write(request) {
            return Err(Refusal::Status(
                StatusCode::FORBIDDEN,
                "The request came from another site.",
            ));
        }
        let path = request.uri().path();
        match (request.method().as_str(), path) {
            ("GET", "/") => self.home(request),
            ("POST", "/login") => self.log_in(request, body),
            ("POST", "/logout") => self.log_out(request),
            ("GET", "/devices") => self.devices(request),
            ("POST", "/devices/end") => self.end_device(request, body),
            ("POST", "/devices/end-others") => self.end_other_devices(request),
            ("GET", "/events") => self.events(request),
            ("GET", "/ended") => Ok(ended().respond(StatusCode::OK, request.headers())),
            ("GET", "/slow") => self.slow(request),
            ("GET", _) if asset(path).is_some() => asset(path).ok_or_else(not_found),
            (_, "/" | "/devices" | "/events" | "/ended" | "/slow") => {
                Err(Refusal::NotAllowed { allowed: "GET" })
            }
            (_, "/login" | "/logout" | "/devices/end" | "/devices/end-others") => {
                Err(Refusal::NotAllowed { allowed: "POST" })
            }
            _ => Err(not_found()),
        }
    }

    /// Counts the view. A new visitor gets a session, because here is something to store.
    fn home(&self, request: &Request<Body>) -> Answer {
        self.sessions.run(request.headers(), |session| {
            session.set_attributes(device_attributes(request.headers()));
            let views = session.change(|visit: &mut Visit| visit.views += 1).views;
            let page = home(session.user_id(), views);
            Ok(page.respond(StatusCode::OK, request.headers()))
        })
    }

    /// Logs a user in by name alone. A real application checks a password first.
    fn log_in(&self, request: &Request<Body>, body: &[u8]) -> Answer {
        let form = LogIn::parse(body).ok_or(Refusal::Status(
            StatusCode::BAD_REQUEST,
            "The form field user must hold 1 to 64 characters.",
        ))?;
        self.sessions
            .run(request.headers(), |session: &mut RequestSession<Visit>| {
                session.set_lifetime(form.lifetime());
                session.log_in(&form.user, form.attributes(request.headers()));
                Ok(see_other("/"))
            })
    }

    fn log_out(&self, request: &Request<Body>) -> Answer {
        self.sessions
            .run(request.headers(), |session: &mut RequestSession<Visit>| {
                session.log_out();
                Ok(see_other("/"))
            })
    }

    fn devices(&self, request: &Request<Body>) -> Answer {
        let store = self.sessions.store();
        self.sessions
            .run(request.headers(), |session: &mut RequestSession<Visit>| {
                let (Some(user), Some(id)) = (session.user_id(), session.id()) else {
                    return Ok(see_other("/"));
                };
                let current = store.info(id)?.handle();
                let page = devices(user, &store.user_sessions(user)?, current);
                Ok(page.respond(StatusCode::OK, request.headers()))
            })
    }

    /// Logs out one device. The store checks that it is one of this user.
    fn end_device(&self, request: &Request<Body>, body: &[u8]) -> Answer {
        let handle = end_device_form(body).ok_or(Refusal::Status(
            StatusCode::BAD_REQUEST,
            "The form field handle must name a device.",
        ))?;
        self.sessions
            .run(request.headers(), |session: &mut RequestSession<Visit>| {
                let Some(user) = session.user_id() else {
                    return Ok(see_other("/"));
                };
                self.sessions.store().end_user_session(user, handle)?;
                Ok(see_other("/devices"))
            })
    }

    fn end_other_devices(&self, request: &Request<Body>) -> Answer {
        self.sessions
            .run(request.headers(), |session: &mut RequestSession<Visit>| {
                let (Some(user), Some(id)) = (session.user_id(), session.id()) else {
                    return Ok(see_other("/"));
                };
                self.sessions.store().end_user_sessions(user, Some(id))?;
                Ok(see_other("/devices"))
            })
    }

    /// Waits until this session ends, and says so to its page. Otherwise the browser asks again.
    ///
    /// oxhttp sends a response as a whole, so each has one event at most. The visitor did not make this request: it is no use of the
    /// session.
    fn events(&self, request: &Request<Body>) -> Answer {
        let session: RequestSession<Visit> = self.sessions.peek(request.headers())?;
        let Some(id) = session.id() else {
            return Ok(event("event: ended\ndata:\n\n"));
        };
        let store = self.sessions.store();
        Ok(match self.events.wait_for_end(store, id)? {
            Awaited::Ended => event("event: ended\ndata:\n\n"),
            Awaited::Nothing => event("retry: 100\n:\n\n"),
            Awaited::NoEvents => {
                let mut response = Response::new(String::new());
                *response.status_mut() = StatusCode::NO_CONTENT; // the browser does not ask again
                response
            }
        })
    }

    /// Waits between load and save. If the visitor logs out meanwhile, the session stays ended.
    fn slow(&self, request: &Request<Body>) -> Answer {
        let milliseconds = form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes())
            .find(|(name, _)| name == "milliseconds")
            .map_or(Some(1000), |(_, value)| value.parse().ok())
            .filter(|milliseconds| *milliseconds <= MAX_SLOW)
            .ok_or(Refusal::Status(
                StatusCode::BAD_REQUEST,
                "The parameter milliseconds must be a number from 0 to 60000.",
            ))?;
        let mut session: RequestSession<Visit> = self.sessions.begin(request.headers())?;
        if session.id().is_none() {
            return Ok(plain("You have no session; visit / first."));
        }
        log(&format!(
            "slow: the session is loaded; the save follows in {milliseconds} ms"
        ));
        thread::sleep(Duration::from_millis(milliseconds));
        session.change(|visit| visit.views += 1);
        match self.sessions.finish(session) {
            Ok(finished) => {
                let mut response = plain("saved");
                finished.apply(response.headers_mut());
                Ok(response)
            }
            Err(Failure::Gone) => Ok(plain("not saved: the session has ended")),
            Err(failure) => Err(failure.into()),
        }
    }
}

impl Refusal {
    fn into_response(self, request: &Request<Body>) -> Response<String> {
        let (status, title, sentence) = match &self {
            Refusal::Status(status, sentence) => (*status, "Refused", *sentence),
            Refusal::NotAllowed { .. } => (
                StatusCode::METHOD_NOT_ALLOWED,
                "Refused",
                "The page does not support this method.",
            ),
            // The session was live when the request began, so this redirects once.
            Refusal::Session(Failure::Gone) => return see_other("/"),
            // An outage is not a logout: the cookie stays, and works again when the database does.
            Refusal::Session(failure) if failure.status() == StatusCode::SERVICE_UNAVAILABLE => (
                StatusCode::SERVICE_UNAVAILABLE,
                "One moment",
                "The session store is unavailable. You stay logged in; please try again.",
            ),
            Refusal::Session(failure) => (
                failure.status(),
                "That failed",
                "The server has an internal error. You stay logged in.",
            ),
        };
        let mut response = message(title, sentence).respond(status, request.headers());
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Refusal::NotAllowed { allowed } => {
                headers.insert(ALLOW, HeaderValue::from_static(allowed));
            }
            Refusal::Session(failure) => {
                if status == StatusCode::SERVICE_UNAVAILABLE {
                    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
                }
                // No error of the store shows a session id or session data, so the log can contain it.
                let (method, path) = (request.method(), request.uri().path());
                log(&format!("{method} {path}: {failure}"));
            }
            Refusal::Status(..) => {}
        }
        response
    }
}

fn not_found() -> Refusal {
    Refusal::Status(StatusCode::NOT_FOUND, "This page does not exist.")
}

fn plain(line: &str) -> Response<String> {
    with_type(format!("{line}\n"), "text/plain; charset=utf-8")
}

fn event(text: &str) -> Response<String> {
    with_type(text.to_owned(), "text/event-stream")
}

fn with_type(body: String, content_type: &'static str) -> Response<String> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Returns the body of a request, up to its largest size.
fn body(request: &mut Request<Body>) -> Result<Vec<u8>, Refusal> {
    let body = mem::replace(request.body_mut(), Body::empty());
    let mut bytes = Vec::new();
    let mut refusal = None;
    if body.len().is_some_and(|length| length > MAX_BODY) {
        refusal = Some((
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body of the request is too large.",
        ));
    } else if body.take(MAX_BODY + 1).read_to_end(&mut bytes).is_err() {
        refusal = Some((
            StatusCode::BAD_REQUEST,
            "The body of the request cannot be read.",
        ));
    } else if bytes.len() as u64 > MAX_BODY {
        refusal = Some((
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body of the request is too large.",
        ));
    }
    let Some((status, words)) = refusal else {
        return Ok(bytes);
    };
    // The rest of the body must not be read as the next request. This header makes oxhttp close the connection.
    request
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    Err(Refusal::Status(status, words))
}

/// Prints a line on standard error. Unlike eprintln, it does not panic if standard error is closed.
pub fn log(line: &str) {
    let _ = writeln!(io::stderr(), "sync: {line}");
}
