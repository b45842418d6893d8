//! The pages. What is kept where: the views are the session's data, who is logged in is the session's user.

use std::io::{self, Read, Write};
use std::mem;
use std::thread;
use std::time::{Duration, SystemTime};

use connect_pg::{
    EndReason, RotateOutcome, SaveOutcome, Session, SessionAttributes, SessionState, Store,
    UpdateOutcome,
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

/// How old a cookie gets before it is sent again with a later expiry, in seconds: less than the idle timeout by far.
const COOKIE_AGE: u64 = 60;

/// What this application keeps of a visitor. `default`: a session from before a field was added still loads.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Visit {
    views: u64,
    /// When the visitor was last sent the cookie, in seconds since 1970.
    cookie_sent: u64,
}

impl Visit {
    /// A visit whose cookie goes out with this answer.
    fn new(views: u64) -> Visit {
        Visit {
            views,
            cookie_sent: now(),
        }
    }

    /// Counts a view. Returns whether it is time for the cookie, which keeps its expiry in step with the session's.
    ///
    /// Not with each answer: one that the log-in has overtaken would put the old cookie in the place of the new one.
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
            ("POST", "/login") => self.login(request, body),
            ("POST", "/logout") => self.logout(request),
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
        // No cookie, no query.
        if let Some(id) = self.cookie.id(request.headers()) {
            // update() loads, changes and saves; when another request of this visitor saved in between, it does so again.
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
            // A log-in has overtaken this request, and has given the browser another cookie, or is about to. One of ours would
            // take its place and undo the log-in.
            if self.store.info(&id)?.state() == SessionState::Ended(EndReason::Rotated) {
                return Ok(text(StatusCode::OK).body(page(1, None).into())?);
            }
        }
        let session = self.store.create(Visit::new(1), &new_session(request))?;
        Ok(self.ok_with_cookie(&session).body(view(&session).into())?)
    }

    /// Logs in whoever says so: a real application asks for a password first.
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

        let old: Option<Session<Visit>> = match self.cookie.id(request.headers()) {
            Some(id) => self.store.load(&id)?,
            None => None,
        };
        let known = match old {
            Some(old) => self.log_in_with(old, &user, request)?,
            None => None,
        };
        let session = match known {
            Some(session) => session,
            None => self
                .store
                .create(Visit::new(0), &new_session(request).user_id(user))?,
        };
        Ok(see_home()
            .header(SET_COOKIE, self.cookie.set(&session))
            .body(Body::empty())?)
    }

    /// Makes the visitor's session the user's. None if it has ended meanwhile, or another log-in was faster.
    ///
    /// It gets a new id, in one call: an id that somebody knew or planted before must be worth nothing after it (session
    /// fixation). If the database fails, the visitor is still who he was.
    fn log_in_with(
        &self,
        mut session: Session<Visit>,
        user: &str,
        request: &Request<Body>,
    ) -> Result<Option<Session<Visit>>, Failure> {
        // What an anonymous visitor did becomes the user's. What another user did does not.
        let is_of_another = session.user_id().is_some_and(|old_user| old_user != user);
        if self
            .store
            .login(&mut session, user, &new_session(request))?
            == RotateOutcome::Gone
        {
            return Ok(None);
        }
        if is_of_another {
            // Nobody knows the new id before this answers.
            return Ok(self
                .store
                .update(session.id(), |visit| *visit = Visit::new(0))?
                .updated());
        }
        Ok(Some(session))
    }

    /// Ends the session in the database; that is what counts. Dropping the cookie only tidies up.
    fn logout(&self, request: &Request<Body>) -> Page {
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
        let outcome = match self.store.save(&mut session)? {
            SaveOutcome::Saved => "saved",
            // What to do is the application's to decide; this one counts views, and leaves this one out.
            SaveOutcome::Conflict => "not saved: another request changed the session meanwhile",
            SaveOutcome::Gone => "not saved: the session has ended meanwhile",
        };
        // No word on the cookie: the browser may have the one of a new session by now.
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

/// What a list of the user's devices will show. (The address is not ours to know here: oxhttp does not tell it, and what a
/// proxy writes into `X-Forwarded-For` is to be trusted only where there is a proxy.)
fn new_session(request: &Request<Body>) -> SessionAttributes {
    match user_agent(request) {
        Some(agent) => SessionAttributes::new().user_agent(agent),
        None => SessionAttributes::new(),
    }
}

fn user_agent(request: &Request<Body>) -> Option<&str> {
    request.headers().get(USER_AGENT)?.to_str().ok()
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
