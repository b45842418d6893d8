use connect_pg::{Lifetime, SessionId, Store};
use http::{HeaderMap, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exchange::{Exchange, Reply, Step, after_failed_load};
use crate::failure::Failure;
use crate::finished::Finished;
use crate::on_outage::OnOutage;
use crate::perform::perform;
use crate::request_session::RequestSession;
use crate::session_cookie::SessionCookie;

/// Sessions around requests, with the synchronous store. Made once; threads share it, and a clone shares the store.
///
/// [`run`](Sessions::run) is enough for most pages. [`begin`](Sessions::begin) and [`finish`](Sessions::finish) are its parts, for a
/// response that is sent in pieces: finish the session before the head is sent.
#[derive(Debug, Clone)]
pub struct Sessions {
    store: Store,
    cookie: SessionCookie,
    on_outage: OnOutage,
}

impl Sessions {
    /// Returns sessions that are kept in this store and named by this cookie.
    #[must_use]
    pub fn new(store: Store, cookie: SessionCookie) -> Sessions {
        Sessions {
            store,
            cookie,
            on_outage: OnOutage::default(),
        }
    }

    /// Sets what requests get while the database is unavailable.
    #[must_use]
    pub fn on_outage(mut self, on_outage: OnOutage) -> Sessions {
        self.on_outage = on_outage;
        self
    }

    /// Returns the store, for what is not of one request: [`user_sessions`](Store::user_sessions), or
    /// [`end_user_sessions`](Store::end_user_sessions) to log out elsewhere.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the cookie.
    #[must_use]
    pub fn cookie(&self) -> &SessionCookie {
        &self.cookie
    }

    /// Loads the session, calls the handler, stores what it did, and adds the cookie to the response.
    ///
    /// If the handler returns an error or panics, nothing is stored and no cookie is set. A response with the status 500 is no
    /// error: what was changed is stored. If it cannot be stored, the handler's response is dropped and the failure is returned.
    ///
    /// # Errors
    ///
    /// The error of the handler, or a [`Failure`] of the store.
    ///
    /// # Examples
    ///
    /// A login with "remember me":
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use connect_pg::SessionAttributes;
    /// use connect_pg_http::{CookieLifetime, Failure, Sessions};
    /// use http::{HeaderMap, Response, header::LOCATION};
    ///
    /// const DAY: Duration = Duration::from_secs(24 * 3600);
    ///
    /// fn log_in(
    ///     sessions: &Sessions,
    ///     headers: &HeaderMap,
    ///     user: &str,
    ///     remember: bool,
    /// ) -> Result<Response<()>, Failure> {
    ///     sessions.run(headers, |session| {
    ///         // The type of the data is that of the first change.
    ///         session.change(|logins: &mut u32| *logins += 1);
    ///         let mut attributes = SessionAttributes::new();
    ///         if remember {
    ///             attributes = attributes.idle_timeout(14 * DAY).absolute_timeout(90 * DAY);
    ///             session.set_lifetime(CookieLifetime::Session);
    ///         } else {
    ///             session.set_lifetime(CookieLifetime::Browser);
    ///         }
    ///         session.log_in(user, attributes);
    ///         let mut response = Response::new(());
    ///         *response.status_mut() = http::StatusCode::SEE_OTHER;
    ///         response.headers_mut().insert(LOCATION, http::HeaderValue::from_static("/"));
    ///         Ok(response)
    ///     })
    /// }
    /// # let _ = log_in;
    /// ```
    pub fn run<T, B, E>(
        &self,
        headers: &HeaderMap,
        handler: impl FnOnce(&mut RequestSession<T>) -> Result<Response<B>, E>,
    ) -> Result<Response<B>, E>
    where
        T: Default + Serialize + DeserializeOwned,
        E: From<Failure>,
    {
        let mut session = self.begin(headers)?;
        let mut response = handler(&mut session)?;
        self.finish(session)?.apply(response.headers_mut());
        Ok(response)
    }

    /// Loads the session of a request. Without a valid cookie it asks the database nothing.
    ///
    /// # Errors
    ///
    /// As for [`Store::load`].
    pub fn begin<T: DeserializeOwned>(
        &self,
        headers: &HeaderMap,
    ) -> Result<RequestSession<T>, Failure> {
        self.load(headers, false)
    }

    /// Loads the session of a request that the visitor does not make, such as one of a page that polls. The session's expiry stays, and
    /// the cookie is not renewed.
    ///
    /// # Errors
    ///
    /// As for [`Store::peek`].
    pub fn peek<T: DeserializeOwned>(
        &self,
        headers: &HeaderMap,
    ) -> Result<RequestSession<T>, Failure> {
        self.load(headers, true)
    }

    fn load<T: DeserializeOwned>(
        &self,
        headers: &HeaderMap,
        is_passive: bool,
    ) -> Result<RequestSession<T>, Failure> {
        let Some(received) = self.cookie.read(headers) else {
            return Ok(RequestSession::new(None, None, is_passive));
        };
        let loaded = if is_passive {
            self.store.peek(&received.id)
        } else {
            self.store.load(&received.id)
        };
        match loaded {
            Ok(session) => Ok(RequestSession::new(Some(received), session, is_passive)),
            Err(error) => after_failed_load(received, error, self.on_outage),
        }
    }

    /// Stores what the handler did. Returns what the response needs.
    ///
    /// A login or a new id with data that is too large does not happen. If its data cannot be stored for another reason, such as an
    /// outage between the two calls, the session is ended: the browser would not get its new id. A future that is dropped between the two calls ends nothing.
    ///
    /// # Errors
    ///
    /// [`Failure::Gone`] if the session ended meanwhile, and the errors of [`Store::save`], [`Store::update`], [`Store::create`],
    /// [`Store::login`], [`Store::rotate`] and [`Store::end`].
    pub fn finish<T: Default + Serialize + DeserializeOwned>(
        &self,
        session: RequestSession<T>,
    ) -> Result<Finished, Failure> {
        let mut exchange = Exchange::new(&self.cookie, session);
        let finished = self.store_all(&mut exchange);
        if finished.is_err()
            && let Some(id) = exchange.unsent_id()
        {
            // If this fails too, the session expires.
            let _ = self.store.end(&id);
        }
        finished
    }

    fn store_all<T: Default + Serialize + DeserializeOwned>(
        &self,
        exchange: &mut Exchange<'_, T>,
    ) -> Result<Finished, Failure> {
        let mut step = exchange.first()?;
        loop {
            let reply = perform!(self.store, step);
            step = exchange.next(reply)?;
        }
    }
}
