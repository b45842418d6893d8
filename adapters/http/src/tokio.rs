//! Sessions around requests, with the asynchronous store. With the feature `tokio`.

use connect_pg::tokio::Store;
use connect_pg::{Lifetime, SessionId};
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

/// Sessions around requests, with the asynchronous store. Made once; tasks share it, and a clone shares the store.
///
/// It does what [`Sessions`](crate::Sessions) does. A future may be dropped at any time. A dropped [`finish`](Sessions::finish) may
/// have stored the changes, and the browser gets no cookie from it.
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

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the cookie.
    #[must_use]
    pub fn cookie(&self) -> &SessionCookie {
        &self.cookie
    }

    /// Loads the session, calls the handler, stores what it did, and adds the cookie to the response: see
    /// [`Sessions::run`](crate::Sessions::run).
    ///
    /// # Errors
    ///
    /// The error of the handler, or a [`Failure`] of the store.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use connect_pg_http::{Failure, tokio::Sessions};
    /// use http::{HeaderMap, Response};
    ///
    /// async fn view(sessions: &Sessions, headers: &HeaderMap) -> Result<Response<String>, Failure> {
    ///     let page = sessions.run(headers, async |session| {
    ///         let views = session.change(|views: &mut u64| *views += 1);
    ///         Ok::<_, Failure>(Response::new(format!("{views} views")))
    ///     });
    ///     page.await
    /// }
    /// # let _ = view;
    /// ```
    pub async fn run<T, B, E>(
        &self,
        headers: &HeaderMap,
        handler: impl AsyncFnOnce(&mut RequestSession<T>) -> Result<Response<B>, E>,
    ) -> Result<Response<B>, E>
    where
        T: Default + Serialize + DeserializeOwned + Send,
        E: From<Failure>,
    {
        let mut session = self.begin(headers).await?;
        let mut response = handler(&mut session).await?;
        self.finish(session).await?.apply(response.headers_mut());
        Ok(response)
    }

    /// Loads the session of a request. Without a valid cookie it asks the database nothing.
    ///
    /// # Errors
    ///
    /// As for [`Store::load`].
    pub async fn begin<T: DeserializeOwned>(
        &self,
        headers: &HeaderMap,
    ) -> Result<RequestSession<T>, Failure> {
        self.load(headers, false).await
    }

    /// Loads the session of a request that the visitor does not make: see [`Sessions::peek`](crate::Sessions::peek).
    ///
    /// # Errors
    ///
    /// As for [`Store::peek`].
    pub async fn peek<T: DeserializeOwned>(
        &self,
        headers: &HeaderMap,
    ) -> Result<RequestSession<T>, Failure> {
        self.load(headers, true).await
    }

    async fn load<T: DeserializeOwned>(
        &self,
        headers: &HeaderMap,
        is_passive: bool,
    ) -> Result<RequestSession<T>, Failure> {
        let Some(received) = self.cookie.read(headers) else {
            return Ok(RequestSession::new(None, None, is_passive));
        };
        let loaded = if is_passive {
            self.store.peek(&received.id).await
        } else {
            self.store.load(&received.id).await
        };
        match loaded {
            Ok(session) => Ok(RequestSession::new(Some(received), session, is_passive)),
            Err(error) => after_failed_load(received, error, self.on_outage),
        }
    }

    /// Stores what the handler did. Returns what the response needs.
    ///
    /// # Errors
    ///
    /// As for [`Sessions::finish`](crate::Sessions::finish).
    pub async fn finish<T>(&self, session: RequestSession<T>) -> Result<Finished, Failure>
    where
        T: Default + Serialize + DeserializeOwned + Send,
    {
        let mut exchange = Exchange::new(&self.cookie, session);
        let finished = self.store_all(&mut exchange).await;
        if finished.is_err()
            && let Some(id) = exchange.unsent_id()
        {
            // If this fails too, the session expires.
            let _ = self.store.end(&id).await;
        }
        finished
    }

    async fn store_all<T>(&self, exchange: &mut Exchange<'_, T>) -> Result<Finished, Failure>
    where
        T: Default + Serialize + DeserializeOwned + Send,
    {
        let mut step = exchange.first()?;
        loop {
            let reply = perform!(self.store, step, await);
            step = exchange.next(reply)?;
        }
    }
}
