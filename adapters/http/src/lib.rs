//! Sessions of [`connect_pg`] around HTTP requests, for any server that uses the types of the crate [`http`].
//!
//! - [`SessionCookie`]: the cookie with the session id. Signed, `HttpOnly`, `Secure`, `SameSite=Lax`, named `__Host-session`.
//! - [`Sessions`]: loads the session before a request is handled, and saves it before the response is sent.
//! - [`is_cross_origin_write`]: finds requests that a page of another site made (cross-site request forgery).
//!
//! ```no_run
//! use connect_pg::{SessionAttributes, Store};
//! use connect_pg_http::{Failure, KeyRing, SessionCookie, Sessions, is_cross_origin_write};
//! use http::{Request, Response, StatusCode};
//!
//! # fn error_page(status: StatusCode) -> Response<String> { Response::default() }
//! fn respond(sessions: &Sessions, request: &Request<String>) -> Response<String> {
//!     if is_cross_origin_write(request) {
//!         return error_page(StatusCode::FORBIDDEN);
//!     }
//!     let page = sessions.run(request.headers(), |session| {
//!         let views = session.change(|views: &mut u64| *views += 1);
//!         let text = format!("{views} views");
//!         Ok::<_, Failure>(Response::new(text))
//!     });
//!     page.unwrap_or_else(|failure| error_page(failure.status()))
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = KeyRing::new(&std::fs::read("/etc/shop/cookie.key")?)?;
//! let store = Store::connect("postgresql://nodepg@localhost/shop")?;
//! let sessions = Sessions::new(store, SessionCookie::builder(keys).build()?);
//! # let _ = respond(&sessions, &Request::default());
//! # Ok(())
//! # }
//! ```
//!
//! # What is done, and when
//!
//! | request | calls of the store |
//! |---|---|
//! | no cookie, a malformed or a forged one | none |
//! | a cookie, and the session is read | one load |
//! | … and changed | a load and a save |
//! | … but another request changed it in between | a load, a save, and [`Store::update`](connect_pg::Store::update) |
//! | no session, and something to store | one create |
//! | a login, a new id, a logout | a load and one call |
//!
//! - Nothing is stored until the handler has returned. If it fails or panics, nothing is.
//! - The response gets its cookie only after the database has replied. So the next request of the browser finds what was stored.
//! - A change is a closure, so that it can be applied again to fresh data. Of requests that run at the same time none loses its change.
//! - An ended session stays ended. A request that began before the logout gets [`Failure::Gone`] if it changes the session.
//! - An outage is an [error](Failure::Store), or an anonymous session if you [choose so](OnOutage). The cookie stays in both cases.
//! - Only a logout removes the cookie. Otherwise a slow response could remove the cookie of a login that was faster.
//!
//! A response that sets the cookie is sent with `Cache-Control: no-store`. One that was made with a session and has no
//! `Cache-Control` gets `private`.
//!
//! # The lifetime of the cookie
//!
//! Its `Max-Age` is that of the session, and follows the slide: the cookie is sent again when the session outlives it by a
//! twentieth, at least a minute and at most ten. With [`CookieLifetime::Browser`] it has none, and ends with the browser. The
//! cookie itself says which, so the session's data need not.
//!
//! # Features
//!
//! `tokio` adds the module `tokio`: the same [`Sessions`] with the asynchronous store.

mod cookie_lifetime;
mod exchange;
mod failure;
mod finished;
mod key_ring;
mod on_outage;
mod origin;
mod perform;
mod received_cookie;
mod request_session;
mod session_cookie;
mod session_cookie_builder;
mod sessions;
#[cfg(feature = "tokio")]
pub mod tokio;

// Part of the signatures: an application needs the very same versions.
#[doc(no_inline)]
pub use {connect_pg, http};

pub use cookie::SameSite;
pub use cookie_lifetime::CookieLifetime;
pub use failure::Failure;
pub use finished::Finished;
pub use key_ring::{InvalidKey, KeyRing};
pub use on_outage::OnOutage;
pub use origin::{is_cross_origin, is_cross_origin_write};
pub use request_session::RequestSession;
pub use session_cookie::SessionCookie;
pub use session_cookie_builder::{InvalidCookie, SessionCookieBuilder};
pub use sessions::Sessions;
