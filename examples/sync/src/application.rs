//! What the site does for each request.

use std::io::{self, Read, Write};
use std::mem;
use std::sync::Arc;
use std::thread;

use connect_pg_http::{Failure, RequestSession, Sessions, is_cross_origin_write};
use example_site::{
    Awaited, LogIn, MAX_BODY, Refusal, Slow, Visit, asset, device_attributes, devices,
    end_device_form, ended, home, see_other,
};
use oxhttp::model::header::{ALLOW, CONNECTION};
use oxhttp::model::{Body, HeaderValue, Method, Request, Response, StatusCode};

use crate::events::Events;

pub struct Application {
    sessions: Sessions,
    events: Arc<Events>,
}

/// The reasons why a request gets no page.
enum Refused {
    Session(Failure),
    Refusal(Refusal),
    NotAllowed { allowed: &'static str },
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        Refused::Refusal(refusal)
    }
}

impl From<StatusCode> for Refused {
    fn from(status: StatusCode) -> Refused {
        Refused::Refusal(status.into())
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused::Session(failure)
    }
}

impl From<connect_pg::Error> for Refused {
    fn from(error: connect_pg::Error) -> Refused {
        Refused::Session(error.into())
    }
}

type Answer = Result<Response<String>, Refused>;

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
            return Err(StatusCode::FORBIDDEN.into());
        }
        let path = request.uri().path();
        let method = match request.method().as_str() {
            "HEAD" => "GET",
            method => method,
        };
        match (method, path) {
            ("GET", "/") => self.home(request),
            ("POST", "/login") => self.log_in(request, body),
            ("POST", "/logout") => self.log_out(request),
            ("GET", "/devices") => self.devices(request),
            ("POST", "/devices/end") => self.end_device(request, body),
            ("POST", "/devices/end-others") => self.end_other_devices(request),
            ("GET", "/events") => self.events(request),
            ("GET", "/ended") => Ok(ended().respond(StatusCode::OK, request.headers())),
            ("GET", "/slow") => self.slow(request),
            ("GET", _) if asset(path).is_some() => asset(path).ok_or(StatusCode::NOT_FOUND.into()),
            (_, "/" | "/devices" | "/events" | "/ended" | "/slow") => Err(Refused::NotAllowed {
                allowed: "GET,HEAD",
            }),
            (_, "/login" | "/logout" | "/devices/end" | "/devices/end-others") => {
                Err(Refused::NotAllowed { allowed: "POST" })
            }
            _ => Err(StatusCode::NOT_FOUND.into()),
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
        let form = LogIn::parse(body)?;
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
        let handle = end_device_form(body)?;
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
        let awaited = match session.id() {
            Some(id) => self.events.wait_for_end(self.sessions.store(), id)?,
            None => Awaited::Ended,
        };
        Ok(awaited.respond())
    }

    /// Waits between load and save. If the visitor logs out meanwhile, the session stays ended.
    fn slow(&self, request: &Request<Body>) -> Answer {
        let slow = Slow::parse(request.uri().query())?;
        let mut session: RequestSession<Visit> = self.sessions.begin(request.headers())?;
        if session.id().is_none() {
            return Ok(Slow::without_session());
        }
        log(&slow.begins());
        thread::sleep(slow.pause());
        session.change(|visit| visit.views += 1);
        match self.sessions.finish(session) {
            Ok(finished) => {
                let mut response = Slow::ends(true);
                finished.apply(response.headers_mut());
                Ok(response)
            }
            Err(Failure::Gone) => Ok(Slow::ends(false)),
            Err(failure) => Err(failure.into()),
        }
    }
}

impl Refused {
    fn into_response(self, request: &Request<Body>) -> Response<String> {
        match self {
            Refused::Refusal(refusal) => refusal.respond(request.headers()),
            Refused::NotAllowed { allowed } => {
                let refusal = Refusal::from(StatusCode::METHOD_NOT_ALLOWED);
                let mut response = refusal.respond(request.headers());
                let headers = response.headers_mut();
                headers.insert(ALLOW, HeaderValue::from_static(allowed));
                response
            }
            // The session was live when the request began, so this redirects once.
            Refused::Session(Failure::Gone) => see_other("/"),
            Refused::Session(failure) => {
                // No error of the store shows a session id or session data, so the log can contain it.
                let (method, path) = (request.method(), request.uri().path());
                log(&format!("{method} {path}: {failure}"));
                Refusal::from(failure.status()).respond(request.headers())
            }
        }
    }
}

/// Returns the body of a request, up to its largest size.
fn body(request: &mut Request<Body>) -> Result<Vec<u8>, Refused> {
    let body = mem::replace(request.body_mut(), Body::empty());
    let mut bytes = Vec::new();
    let refusal = if body
        .len()
        .is_some_and(|length| length > u64::from(MAX_BODY))
    {
        StatusCode::PAYLOAD_TOO_LARGE
    } else if body
        .take(u64::from(MAX_BODY) + 1)
        .read_to_end(&mut bytes)
        .is_err()
    {
        StatusCode::BAD_REQUEST
    } else if bytes.len() > usize::from(MAX_BODY) {
        StatusCode::PAYLOAD_TOO_LARGE
    } else {
        return Ok(bytes);
    };
    // The rest of the body must not be read as the next request. This header makes oxhttp close the connection.
    request
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    Err(refusal.into())
}

/// Prints a line on standard error. Unlike eprintln, it does not panic if standard error is closed.
pub fn log(line: &str) {
    let _ = writeln!(io::stderr(), "sync: {line}");
}
