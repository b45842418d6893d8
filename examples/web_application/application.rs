//! The pages. What is kept where: the views are the session's data, who is logged in is the session's user.

use std::io::{self, Read, Write};
use std::mem;
use std::thread;
use std::time::Duration;

use connect_pg::{NewSession, Saved, Session, Store};
use oxhttp::model::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, LOCATION, RETRY_AFTER, SET_COOKIE, USER_AGENT,
};
use oxhttp::model::{Body, HeaderValue, Method, Request, Response, StatusCode, response};
use serde::{Deserialize, Serialize};

use crate::same_origin::is_cross_origin;
use crate::session_cookie::SessionCookie;

/// The largest body of a request, in bytes.
const MAX_BODY: u64 = 8 * 1024;
/// The longest name, in characters.
const MAX_USER: usize = 64;
/// The longest wait of `/slow`, in milliseconds.
const MAX_SLOW: u64 = 60_000;

/// What this application keeps of a visitor. `default`: a session from before a field was added still loads.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Visit {
    views: u64,
}

pub struct Application {
    store: Store,
    cookie: SessionCookie,
}

/// Why a request gets no page.
enum Failure {
    Store(connect_pg::Error),
    Refused(StatusCode, &'static str),
    NotAllowed { allowed: &'static str },
    Response(oxhttp::model::Error),
}

impl From<connect_pg::Error> for Failure {
    fn from(error: connect_pg::Error) -> Failure {
        Failure::Store(error)
    }
}

impl From<oxhttp::model::Error> for Failure {
    fn from(error: oxhttp::model::Error) -> Failure {
        Failure::Response(error)
    }
}

type Page = Result<Response<Body>, Failure>;

impl Application {
    pub fn new(store: Store, cookie: SessionCookie) -> Application {
        Application { store, cookie }
    }

    pub fn respond(&self, request: &mut Request<Body>) -> Response<Body> {
        let page = body(request).and_then(|body| self.route(request, &body));
        let mut response = page.unwrap_or_else(|failure| failure.into_response(request));
        if request.method() == Method::HEAD {
            *response.body_mut() = Body::empty();
        }
        response
    }

    fn route(&self, request: &Request<Body>, body: &[u8]) -> Page {
        let method = request.method();
        if *method != Method::GET && is_cross_origin(request.headers()) {
            return Err(Failure::Refused(
                StatusCode::FORBIDDEN,
                "This came from another site.",
            ));
        }
        match (method.as_str(), request.uri().path()) {
            ("GET", "/") => self.home(request),
            ("POST", "/login") => self.log_in(request, body),
            ("POST", "/logout") => self.log_out(request),
            ("GET", "/slow") => self.slow(request),
            (_, "/" | "/slow") => Err(Failure::NotAllowed { allowed: "GET" }),
            (_, "/login" | "/logout") => Err(Failure::NotAllowed { allowed: "POST" }),
            _ => Err(Failure::Refused(
                StatusCode::NOT_FOUND,
                "There is no such page.",
            )),
        }
    }

    /// Counts the view. This is the place that gives a new visitor a session, since here there is something to keep.
    fn home(&self, request: &Request<Body>) -> Page {
        let known = match self.cookie.id(request.headers()) {
            // update() loads, changes and saves; when another request of this visitor saved in between, it does so again.
            Some(id) => self
                .store
                .update(&id, |visit: &mut Visit| visit.views += 1)?,
            None => None, // no cookie, no query
        };
        let session = match known {
            Some(session) => session,
            None => self
                .store
                .create(Visit { views: 1 }, &new_session(request))?,
        };
        let user = session.user_id().unwrap_or("anonymous");
        let text = format!("views: {}\nuser: {user}\n", session.data.views);
        Ok(self.ok(&session).body(text.into())?)
    }

    /// Logs in whoever says so: a real application asks for a password first.
    fn log_in(&self, request: &Request<Body>, body: &[u8]) -> Page {
        let user = form_urlencoded::parse(body)
            .find(|(field, _)| field == "user")
            .map(|(_, value)| value.trim().to_owned())
            .filter(|user| {
                (1..=MAX_USER).contains(&user.chars().count()) && !user.contains(char::is_control)
            })
            .ok_or(Failure::Refused(
                StatusCode::BAD_REQUEST,
                "The form field user must hold 1 to 64 characters.",
            ))?;

        // A new id with each log-in: an id that somebody knew or planted before it must be worth nothing after it (session
        // fixation). First the new session, then the end of the old one: if the database fails in between, the visitor is
        // still who he was.
        let old: Option<Session<Visit>> = match self.cookie.id(request.headers()) {
            Some(id) => self.store.load(&id)?,
            None => None,
        };
        let old_id = old.as_ref().map(|old| old.id().clone());
        let visit = match old {
            // What an anonymous visitor did becomes the user's. What another user did does not.
            Some(old) if old.user_id().is_none_or(|old_user| old_user == user) => old.data,
            _ => Visit::default(),
        };
        let session = self
            .store
            .create(visit, &new_session(request).user_id(user))?;
        if let Some(id) = old_id {
            self.store.end(&id)?;
        }
        Ok(see_home()
            .header(SET_COOKIE, self.cookie.set(&session))
            .body(Body::empty())?)
    }

    /// Ends the session in the database; that is what counts. Dropping the cookie only tidies up.
    fn log_out(&self, request: &Request<Body>) -> Page {
        if let Some(id) = self.cookie.id(request.headers()) {
            self.store.end(&id)?;
        }
        Ok(see_home()
            .header(SET_COOKIE, self.cookie.remove())
            .body(Body::empty())?)
    }

    /// A request that takes its time between loading and saving. When the visitor logs out meanwhile, the save finds the session
    /// gone: it stays gone.
    fn slow(&self, request: &Request<Body>) -> Page {
        let milliseconds = form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes())
            .find(|(name, _)| name == "milliseconds")
            .map_or(Some(1000), |(_, value)| value.parse().ok())
            .filter(|milliseconds| *milliseconds <= MAX_SLOW)
            .ok_or(Failure::Refused(
                StatusCode::BAD_REQUEST,
                "The parameter milliseconds must be a number from 0 to 60000.",
            ))?;
        let session: Option<Session<Visit>> = match self.cookie.id(request.headers()) {
            Some(id) => self.store.load(&id)?,
            None => None,
        };
        let Some(mut session) = session else {
            return Ok(text(StatusCode::OK).body("You have no session; visit / first.\n".into())?);
        };

        log(&format!(
            "slow: the session is loaded; to be saved in {milliseconds} ms"
        ));
        thread::sleep(Duration::from_millis(milliseconds));

        session.data.views += 1;
        let (response, outcome) = match self.store.save(&mut session)? {
            Saved::Saved => (self.ok(&session), "saved"),
            // What to do is the application's to decide; this one counts views, and leaves this one out.
            Saved::Conflict => (
                self.ok(&session),
                "not saved: another request changed the session meanwhile",
            ),
            // No word on the cookie: the browser may have the one of a new session by now.
            Saved::Gone => (
                text(StatusCode::OK),
                "not saved: the session has ended meanwhile",
            ),
        };
        Ok(response.body(format!("{outcome}\n").into())?)
    }

    fn ok<T>(&self, session: &Session<T>) -> response::Builder {
        text(StatusCode::OK).header(SET_COOKIE, self.cookie.set(session))
    }
}

impl Failure {
    fn into_response(self, request: &Request<Body>) -> Response<Body> {
        let (status, words) = match &self {
            Failure::Refused(status, words) => (*status, *words),
            Failure::NotAllowed { .. } => (StatusCode::METHOD_NOT_ALLOWED, "Not with this method."),
            // An outage is no log-out. The cookie is left alone, and all is well once the database is back.
            Failure::Store(error) if error.is_unavailable() => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The session store cannot be reached just now. Nobody is logged out by this; please try again.",
            ),
            Failure::Store(_) | Failure::Response(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something is wrong with this server. Nobody is logged out by this.",
            ),
        };
        let mut response = Response::new(Body::from(format!("{words}\n")));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, PLAIN_TEXT);
        headers.insert(CACHE_CONTROL, NO_STORE);
        match self {
            Failure::NotAllowed { allowed } => {
                headers.insert(ALLOW, HeaderValue::from_static(allowed));
            }
            Failure::Store(error) => {
                if status == StatusCode::SERVICE_UNAVAILABLE {
                    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
                }
                // No error of the store shows a session id or session data, so it may go to the log as it is.
                log(&format!(
                    "{} {}: {error}",
                    request.method(),
                    request.uri().path()
                ));
            }
            Failure::Response(error) => log(&format!(
                "{} {}: {error}",
                request.method(),
                request.uri().path()
            )),
            Failure::Refused(..) => {}
        }
        response
    }
}

const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// No cache may keep one visitor's page, or cookie, and show it to another.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

fn text(status: StatusCode) -> response::Builder {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, PLAIN_TEXT)
        .header(CACHE_CONTROL, NO_STORE)
}

/// 303: the browser goes on with a GET, so that a reload does not send the form again.
fn see_home() -> response::Builder {
    text(StatusCode::SEE_OTHER).header(LOCATION, "/")
}

/// What a list of the user's devices will show. (The address is not ours to know here: oxhttp does not tell it, and what a
/// proxy writes into `X-Forwarded-For` is to be trusted only where there is a proxy.)
fn new_session(request: &Request<Body>) -> NewSession {
    match request
        .headers()
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
    {
        Some(agent) => NewSession::new().user_agent(agent),
        None => NewSession::new(),
    }
}

/// The body of a request, if it is no larger than it may be.
fn body(request: &mut Request<Body>) -> Result<Vec<u8>, Failure> {
    let body = mem::replace(request.body_mut(), Body::empty());
    let mut bytes = Vec::new();
    let mut refusal = None;
    if body.len().is_some_and(|length| length > MAX_BODY) {
        refusal = Some((StatusCode::PAYLOAD_TOO_LARGE, "That is too much."));
    } else if body.take(MAX_BODY + 1).read_to_end(&mut bytes).is_err() {
        refusal = Some((
            StatusCode::BAD_REQUEST,
            "The body of the request cannot be read.",
        ));
    } else if bytes.len() as u64 > MAX_BODY {
        refusal = Some((StatusCode::PAYLOAD_TOO_LARGE, "That is too much."));
    }
    let Some((status, words)) = refusal else {
        return Ok(bytes);
    };
    // What is left of the body must not be read as the next request: oxhttp closes the connection upon this.
    request
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    Err(Failure::Refused(status, words))
}

/// One line on standard error. Not eprintln, which panics once nobody reads it any more.
pub fn log(line: &str) {
    let _ = writeln!(io::stderr(), "web_application: {line}");
}
