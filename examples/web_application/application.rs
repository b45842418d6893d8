//! The pages. The session's data counts the views; the session's user is the user who logged in.

use std::io::{self, Read, Write};
use std::mem;
use std::thread;
use std::time::{Duration, SystemTime};

use connect_pg::{
    EndReason, SaveOutcome, Session, SessionAttributes, SessionState, Store, UpdateOutcome,
};
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

/// The age in seconds at which a cookie is sent again with a later expiry; far less than the idle timeout.
const COOKIE_AGE: u64 = 60;

/// What this application stores for a visitor. With `default`, sessions from before a field was added still load.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Visit {
    views: u64,
    /// The time at which the cookie was last sent, in seconds since 1970.
    cookie_sent: u64,
}

impl Visit {
    /// Creates a visit whose cookie is sent with this response.
    fn new(views: u64) -> Visit {
        Visit {
            views,
            cookie_sent: now(),
        }
    }

    /// Counts a view. Returns true if the cookie is due to be sent again, with the session's later expiry.
    ///
    /// Not every response sends it: a slow response could replace the new cookie of a login by the old one.
    fn view(&mut self) -> bool {
        self.views += 1;
        let is_due = now().abs_diff(self.cookie_sent) >= COOKIE_AGE;
        if is_due {
            self.cookie_sent = now();
        }
        is_due
    }
}

pub struct Application {
    store: Store,
    cookie: SessionCookie,
}

/// The reasons why a request gets no page.
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
                "The request came from another site.",
            ));
        }
        match (method.as_str(), request.uri().path()) {
            ("GET", "/") => self.home(request),
            ("POST", "/login") => self.login(request, body),
            ("POST", "/logout") => self.logout(request),
            ("GET", "/slow") => self.slow(request),
            (_, "/" | "/slow") => Err(Failure::NotAllowed { allowed: "GET" }),
            (_, "/login" | "/logout") => Err(Failure::NotAllowed { allowed: "POST" }),
            _ => Err(Failure::Refused(
                StatusCode::NOT_FOUND,
                "This page does not exist.",
            )),
        }
    }

    /// Counts the view. Creates the session of a new visitor, because here is something to store.
    fn home(&self, request: &Request<Body>) -> Page {
        if let Some(id) = self.cookie.id(request.headers()) {
            // update() loads, changes and saves. It repeats that if another request of this visitor saved in between.
            let mut is_due = false;
            let outcome = self
                .store
                .update(&id, |visit: &mut Visit| is_due = visit.view())?;
            if let UpdateOutcome::Updated(session) = outcome {
                let response = if is_due {
                    self.ok_with_cookie(&session)
                } else {
                    text(StatusCode::OK)
                };
                return Ok(response.body(view(&session).into())?);
            }
            // A login was faster than this request and sends a new cookie. A cookie from here could replace it and undo the
            // login.
            if self.store.info(&id)?.state() == SessionState::Ended(EndReason::Rotated) {
                return Ok(text(StatusCode::OK).body(page(1, None).into())?);
            }
        }
        let session = self
            .store
            .create(Visit::new(1), &session_attributes(request))?;
        Ok(self.ok_with_cookie(&session).body(view(&session).into())?)
    }

    /// Logs a user in by name alone. A real application checks a password first.
    ///
    /// The session gets a new id, so an id that an attacker planted before is invalid (session fixation).
    fn login(&self, request: &Request<Body>, body: &[u8]) -> Page {
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

        // What an anonymous visitor did becomes the user's. What another user did does not.
        let id = self.cookie.id(request.headers());
        let session =
            self.store
                .login_or_create(id.as_ref(), &user, &session_attributes(request), || {
                    Visit::new(0)
                })?;
        Ok(see_home()
            .header(SET_COOKIE, self.cookie.set(&session))
            .body(Body::empty())?)
    }

    /// Ends the session in the database, which is what counts. Removing the cookie only cleans up.
    fn logout(&self, request: &Request<Body>) -> Page {
        if let Some(id) = self.cookie.id(request.headers()) {
            self.store.end(&id)?;
        }
        Ok(see_home()
            .header(SET_COOKIE, self.cookie.remove())
            .body(Body::empty())?)
    }

    /// Waits between loading and saving. If the visitor logs out meanwhile, the save returns `Gone` and the session stays ended.
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
            "slow: the session is loaded; the save follows in {milliseconds} ms"
        ));
        thread::sleep(Duration::from_millis(milliseconds));

        session.data.views += 1;
        let outcome = match self.store.save(&mut session)? {
            SaveOutcome::Saved => "saved",
            // The application decides what to do. This one does not count the view.
            SaveOutcome::Conflict => "not saved: another request changed the session",
            SaveOutcome::Gone => "not saved: the session has ended",
        };
        // Sends no cookie: the browser may have the cookie of a new session by now.
        Ok(text(StatusCode::OK).body(format!("{outcome}\n").into())?)
    }

    fn ok_with_cookie<T>(&self, session: &Session<T>) -> response::Builder {
        text(StatusCode::OK).header(SET_COOKIE, self.cookie.set(session))
    }
}

impl Failure {
    fn into_response(self, request: &Request<Body>) -> Response<Body> {
        let (status, words) = match &self {
            Failure::Refused(status, words) => (*status, *words),
            Failure::NotAllowed { .. } => (
                StatusCode::METHOD_NOT_ALLOWED,
                "The page does not support this method.",
            ),
            // An outage is not a logout: the cookie stays, and works again when the database does.
            Failure::Store(error) if error.is_unavailable() => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The session store is unavailable. You stay logged in; please try again.",
            ),
            Failure::Store(_) | Failure::Response(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "The server has an internal error. You stay logged in.",
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
                // No error of the store shows a session id or session data, so the log can contain it.
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
/// A cache must not store a visitor's page or cookie and send it to another visitor.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

fn text(status: StatusCode) -> response::Builder {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, PLAIN_TEXT)
        .header(CACHE_CONTROL, NO_STORE)
}

/// Redirects with 303: the browser continues with a GET, so a reload does not send the form again.
fn see_home() -> response::Builder {
    text(StatusCode::SEE_OTHER).header(LOCATION, "/")
}

fn view(session: &Session<Visit>) -> String {
    page(session.data.views, session.user_id())
}

fn page(views: u64, user: Option<&str>) -> String {
    let user = user.unwrap_or("anonymous");
    format!("views: {views}\nuser: {user}\n")
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

/// Returns what a list of the user's devices shows. The address is missing: oxhttp does not tell it, and
/// `X-Forwarded-For` is trustworthy only behind a proxy.
fn session_attributes(request: &Request<Body>) -> SessionAttributes {
    match user_agent(request) {
        Some(agent) => SessionAttributes::new().user_agent(agent),
        None => SessionAttributes::new(),
    }
}

fn user_agent(request: &Request<Body>) -> Option<&str> {
    request.headers().get(USER_AGENT)?.to_str().ok()
}

/// Returns the body of a request, up to its largest size.
fn body(request: &mut Request<Body>) -> Result<Vec<u8>, Failure> {
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
    Err(Failure::Refused(status, words))
}

/// Prints a line on standard error. Unlike eprintln, it does not panic if standard error is closed.
pub fn log(line: &str) {
    let _ = writeln!(io::stderr(), "web_application: {line}");
}
