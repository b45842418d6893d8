//! What the site does for each request.

use std::collections::HashMap;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequestParts, RawQuery, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use connect_pg::tokio::Store;
use connect_pg::{SessionId, UpdateOutcome};
use connect_pg_tower_sessions::session_id;
use example_site::{
    Awaited, Ends, LogIn, MAX_BODY, Refusal, Slow, asset, devices, end_device_form, ended, home,
    see_other,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower_sessions::{Expiry, Session};

use crate::refused::Refused;

/// How long a login is remembered, from the login on: later requests do not send the cookie again.
const REMEMBERED: time::Duration = time::Duration::days(14);

/// What the handlers need besides the session of the request.
#[derive(Clone)]
struct Site {
    store: Store,
    ends: Ends,
}

/// The data of a session. tower-sessions keeps each field under its name.
#[derive(Serialize, Deserialize)]
struct Visit {
    #[serde(default)]
    views: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// What else tower-sessions keeps.
    #[serde(flatten)]
    other: HashMap<String, Value>,
}

type Answer = Result<Response<String>, Refused>;

pub fn router(store: Store, ends: Ends) -> Router {
    Router::new()
        .route("/", get(show_home))
        .route("/login", post(log_in))
        .route("/logout", post(log_out))
        .route("/devices", get(show_devices))
        .route("/devices/end", post(end_device))
        .route("/devices/end-others", post(end_other_devices))
        .route("/events", get(wait_for_end))
        .route("/ended", get(show_ended))
        .route("/slow", get(slow))
        .fallback(show_asset)
        .layer(DefaultBodyLimit::max(MAX_BODY.into()))
        .with_state(Site { store, ends })
}

/// Returns the user in the data of a session, so that the store can list the user's devices.
pub fn user_of(data: &HashMap<String, Value>) -> Option<String> {
    data.get("user")?.as_str().map(ToOwned::to_owned)
}

/// The user of a request. A visitor who is not logged in is sent to the first page.
struct LoggedIn {
    user: String,
    id: SessionId,
}

impl FromRequestParts<Site> for LoggedIn {
    type Rejection = axum::response::Response;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Self::Rejection> {
        let session = Session::from_request_parts(parts, site).await;
        let session = session.map_err(IntoResponse::into_response)?;
        let user = session.get("user").await;
        let user = user.map_err(|error| Refused::from(error).into_response())?;
        match (user, session.id()) {
            (Some(user), Some(id)) => {
                let id = session_id(&id).map_err(|error| Refused::from(error).into_response())?;
                Ok(LoggedIn { user, id })
            }
            _ => Err(see_other("/").into_response()),
        }
    }
}

/// Counts the view. A new visitor gets a session, because here is something to store.
async fn show_home(State(site): State<Site>, session: Session, headers: HeaderMap) -> Answer {
    let user: Option<String> = session.get("user").await?;
    let views = if let Some(id) = session.id() {
        // The session was live when the request began, so this redirects once.
        let Some(views) = count_view(&site.store, &session_id(&id)?).await? else {
            return Ok(see_other("/"));
        };
        views
    } else {
        session.insert("views", 1).await?;
        1
    };
    Ok(home(user.as_deref(), views).respond(StatusCode::OK, &headers))
}

/// Adds one to the views of a session. Of two requests at once, both count: tower-sessions itself keeps the later save only.
async fn count_view(store: &Store, id: &SessionId) -> Result<Option<u64>, connect_pg::Error> {
    let updated = store.update(id, |visit: &mut Visit| visit.views += 1);
    Ok(match updated.await? {
        UpdateOutcome::Updated(session) => Some(session.data.views),
        UpdateOutcome::Gone => None,
    })
}

/// Logs a user in by name alone. A real application checks a password first.
async fn log_in(session: Session, body: Bytes) -> Answer {
    let form = LogIn::parse(&body)?;
    let user: Option<String> = session.get("user").await?;
    if user.is_some_and(|user| user != form.user) {
        session.clear().await;
    }
    // An attacker may know the id from before the login.
    session.cycle_id().await?;
    session.insert("user", form.user).await?;
    // tower-sessions stores no expiry. A later change of the session through it must set this again, or the cookie ends with the browser.
    session.set_expiry(Some(if form.remember {
        Expiry::OnInactivity(REMEMBERED)
    } else {
        Expiry::OnSessionEnd
    }));
    Ok(see_other("/"))
}

async fn log_out(session: Session) -> Answer {
    session.flush().await?;
    Ok(see_other("/"))
}

async fn show_devices(
    State(Site { store, .. }): State<Site>,
    LoggedIn { user, id }: LoggedIn,
    headers: HeaderMap,
) -> Answer {
    let current = store.info(&id).await?.handle();
    let page = devices(&user, &store.user_sessions(&user).await?, current);
    Ok(page.respond(StatusCode::OK, &headers))
}

/// Logs out one device. The store checks that it is one of this user.
async fn end_device(
    State(site): State<Site>,
    LoggedIn { user, .. }: LoggedIn,
    body: Bytes,
) -> Answer {
    let handle = end_device_form(&body)?;
    site.store.end_user_session(&user, handle).await?;
    Ok(see_other("/devices"))
}

async fn end_other_devices(State(site): State<Site>, LoggedIn { user, id }: LoggedIn) -> Answer {
    site.store.end_user_sessions(&user, Some(&id)).await?;
    Ok(see_other("/devices"))
}

/// Waits until this session ends, and says so to its page. Otherwise the browser asks again.
async fn wait_for_end(State(site): State<Site>, session: Session) -> Answer {
    let awaited = match session.id() {
        Some(id) => site.ends.wait(&session_id(&id)?).await?,
        None => Awaited::Ended,
    };
    Ok(awaited.respond())
}

async fn show_ended(headers: HeaderMap) -> Response<String> {
    ended().respond(StatusCode::OK, &headers)
}

/// Waits between load and save. If the visitor logs out meanwhile, the session stays ended.
async fn slow(State(site): State<Site>, session: Session, RawQuery(query): RawQuery) -> Answer {
    let slow = Slow::parse(query.as_deref())?;
    session.get_value("views").await?; // loads the session, or finds that it has ended
    let Some(id) = session.id() else {
        return Ok(Slow::without_session());
    };
    tracing::info!("{}", slow.begins());
    tokio::time::sleep(slow.pause()).await;
    let is_saved = count_view(&site.store, &session_id(&id)?).await?.is_some();
    Ok(Slow::ends(is_saved))
}

async fn show_asset(method: Method, uri: Uri) -> Answer {
    let asset = asset(uri.path()).filter(|_| method == Method::GET);
    Ok(asset.ok_or_else(|| Refusal::from(StatusCode::NOT_FOUND))?)
}
