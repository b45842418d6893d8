use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use connect_pg::tokio::Store;
use connect_pg::{CreateOutcome, Error, IdOutcome, Lifetime, SessionAttributes, SessionId};
use http::header::USER_AGENT;
use http::request::Parts;
use serde_json::Value;
use time::OffsetDateTime;

use crate::expiry::{expiry_in, lifetime, with_lifetime};
use crate::layer::ConnectPgLayer;
use crate::on_outage::OnOutage;
use crate::request_state::{RequestState, end};
use crate::user::{UserId, axum_login_user};

pub(crate) type Data = HashMap<String, Value>;

/// Reads what is known of a session besides its data from a request.
type Attributes = Arc<dyn Fn(&Parts) -> SessionAttributes + Send + Sync>;

/// Finds the visitor's address in a request.
type ClientAddress = Arc<dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync>;

/// The store, for [`SessionManagerLayer::new`](https://docs.rs/tower-sessions/0.15.0/tower_sessions/struct.SessionManagerLayer.html).
///
/// A clone shares the connections. `Debug` shows no connection string and no data.
#[derive(Clone)]
pub struct ConnectPgStore {
    store: Store,
    on_outage: OnOutage,
    user_id: Option<UserId>,
    attributes: Attributes,
    client_address: Option<ClientAddress>,
}

/// Why a call of tower-sessions failed.
pub(crate) enum Failure {
    Store(Error),
    /// The data names a user, and the session was another user's or none's.
    NewUserWithOldId,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Store(error)
    }
}

impl ConnectPgStore {
    /// Creates a session store over a store of connect-pg.
    #[must_use]
    pub fn new(store: Store) -> ConnectPgStore {
        ConnectPgStore {
            store,
            on_outage: OnOutage::default(),
            user_id: None,
            client_address: None,
            attributes: Arc::new(|parts| {
                let user_agent = parts.headers.get(USER_AGENT);
                match user_agent.and_then(|value| value.to_str().ok()) {
                    Some(user_agent) => SessionAttributes::new().user_agent(user_agent),
                    None => SessionAttributes::new(),
                }
            }),
        }
    }

    /// Sets how the user of a session is found in its data. By default no session has a user.
    ///
    /// When data with a user is saved under a new id, the session becomes the user's, as
    /// [`login`](connect_pg::tokio::Store::login) makes it: call `session.cycle_id()` at each login. To save another user under the
    /// old id is an error, because an attacker may know that id ([session fixation][owasp]).
    ///
    /// [owasp]: https://owasp.org/www-community/attacks/Session_fixation
    #[must_use]
    pub fn with_user_id(
        mut self,
        user_id: impl Fn(&HashMap<String, Value>) -> Option<String> + Send + Sync + 'static,
    ) -> ConnectPgStore {
        self.user_id = Some(Arc::new(user_id));
        self
    }

    /// Takes the user over from axum-login, with the key of its data: `axum-login.data`, unless
    /// `AuthManagerLayerBuilder::with_data_key` sets another. The application does nothing else at login or logout. Before a login of
    /// another user, call `auth.logout()`: axum-login keeps the id there, so that the save is an error.
    ///
    /// The id of a user is a text or a number. Any other id is taken as its JSON.
    #[must_use]
    pub fn with_axum_login(self, data_key: &'static str) -> ConnectPgStore {
        self.with_user_id(move |data| axum_login_user(data, data_key))
    }

    /// Sets what the store keeps of the request with a new session, for the list of devices: by default the `User-Agent`.
    #[must_use]
    pub fn with_attributes(
        mut self,
        attributes: impl Fn(&Parts) -> SessionAttributes + Send + Sync + 'static,
    ) -> ConnectPgStore {
        self.attributes = Arc::new(attributes);
        self
    }

    /// Sets where the visitor's address is, for the list of devices. It goes before an address of [`Self::with_attributes`]; if it
    /// returns `None`, that one stays. By default no address is kept. A header such as `X-Forwarded-For` is what the visitor says,
    /// unless a proxy of yours sets it.
    ///
    /// With axum the address of the connection is in `ConnectInfo`, which
    /// [`into_make_service_with_connect_info`](https://docs.rs/axum/0.8/axum/struct.Router.html#method.into_make_service_with_connect_info)
    /// adds to each request.
    ///
    /// ```
    /// use std::net::SocketAddr;
    ///
    /// use axum::extract::ConnectInfo;
    /// # use connect_pg_tower_sessions::ConnectPgStore;
    ///
    /// # fn with_address(store: ConnectPgStore) -> ConnectPgStore {
    /// store.with_client_address(|parts| {
    ///     let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    ///     Some(connection.ip())
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn with_client_address(
        mut self,
        client_address: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> ConnectPgStore {
        self.client_address = Some(Arc::new(client_address));
        self
    }

    /// Sets what a request gets while the database cannot be reached. By default an error.
    #[must_use]
    pub fn with_on_outage(mut self, on_outage: OnOutage) -> ConnectPgStore {
        self.on_outage = on_outage;
        self
    }

    /// Wraps the layer of tower-sessions, so that the calls of one request [belong together](crate#the-layer).
    #[must_use]
    pub fn layer<L>(&self, sessions: L) -> ConnectPgLayer<L> {
        ConnectPgLayer::new(self.clone(), sessions)
    }

    /// Returns the store of connect-pg: for the devices of a user, to end sessions, and to prune.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn request_state(&self, parts: &Parts) -> Arc<RequestState> {
        let mut attributes = (self.attributes)(parts);
        if let Some(address) = self.client_address.as_ref().and_then(|find| find(parts)) {
            attributes = attributes.client_address(address);
        }
        RequestState::new(self.store.clone(), attributes)
    }

    /// Notes an outage for the response.
    fn noted<T>(result: Result<T, Error>) -> Result<T, Error> {
        if let (Err(error), Some(request)) = (&result, RequestState::current())
            && error.is_unavailable()
        {
            request.set_unavailable();
        }
        result
    }

    pub(crate) async fn load_record(
        &self,
        id: &str,
    ) -> Result<Option<(Data, OffsetDateTime)>, Failure> {
        let request = RequestState::current();
        if request
            .as_ref()
            .is_some_and(|request| request.is_deleted(id))
        {
            return Ok(None);
        }
        let loaded = Self::noted(
            self.store
                .peek::<Data>(&SessionId::foreign(id).map_err(Error::from)?)
                .await,
        );
        match (loaded, request) {
            (Ok(Some(session)), request) => {
                if let Some(request) = request {
                    let in_data = self.user_of(&session.data);
                    request.remember(id, session.user_id(), in_data.as_deref());
                }
                let expiry = expiry_in(session.expires_in());
                Ok(Some((session.data, expiry)))
            }
            (Ok(None), _) => Ok(None),
            (Err(error), Some(request))
                if error.is_unavailable() && self.on_outage == OnOutage::Empty =>
            {
                tracing::warn!(%error, "the session is empty for this request");
                request.set_stand_in(id);
                Ok(Some((Data::new(), expiry_in(Duration::from_secs(60)))))
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    pub(crate) async fn save_record(
        &self,
        id: &str,
        data: &Data,
        expiry: OffsetDateTime,
    ) -> Result<(), Failure> {
        if let Some(request) = RequestState::current() {
            if request.is_deleted(id) || request.is_stand_in(id) {
                tracing::info!(
                    "a session is not saved: this request deleted it, or could not load it"
                );
                return Ok(());
            }
            let user = self.user_of(data);
            if user.is_some_and(|user| request.has_other_user(id, &user)) {
                return Err(Failure::NewUserWithOldId);
            }
        }
        let id = SessionId::foreign(id).map_err(Error::from)?;
        self.overwrite(&id, data, &lifetime(expiry)).await
    }

    async fn overwrite(
        &self,
        id: &SessionId,
        data: &Data,
        lifetime: &Lifetime,
    ) -> Result<(), Failure> {
        if Self::noted(self.store.overwrite(id, data, lifetime).await)?.is_none() {
            tracing::info!("a session is not saved: it was ended or has expired meanwhile");
        }
        Ok(())
    }

    /// Stores new data under an id, or under another one that `draw` returns.
    pub(crate) async fn create_record(
        &self,
        mut id: String,
        draw: impl Fn() -> String + Send,
        data: &Data,
        expiry: OffsetDateTime,
    ) -> Result<String, Failure> {
        let request = RequestState::current();
        let user = self.user_of(data);
        if let Some(request) = &request
            && let Some(old) = request.predecessor(&id)
        {
            let changed = self.change_id(request, &old, &id, &draw, user.as_deref());
            if let Some(id) = changed.await? {
                let new_id = SessionId::foreign(&id).map_err(Error::from)?;
                let stored = self.overwrite(&new_id, data, &lifetime(expiry)).await;
                if stored.is_err() {
                    // No browser gets the new id.
                    request.delete(&id);
                }
                return stored.map(|()| id);
            }
            // The session was ended meanwhile. Only a login begins another one.
            if user
                .as_ref()
                .is_none_or(|user| !request.has_other_user(&old, user))
            {
                tracing::info!("a session gets no new id: it was ended or has expired meanwhile");
                return Ok(id);
            }
        }
        let mut attributes = request
            .as_ref()
            .map(|request| request.attributes())
            .unwrap_or_default();
        if let Some(user) = &user {
            attributes = attributes.user_id(user);
        }
        attributes = with_lifetime(attributes, expiry);
        loop {
            let session_id = SessionId::foreign(&id).map_err(Error::from)?;
            match Self::noted(
                self.store
                    .create_with_id(&session_id, data, &attributes)
                    .await,
            )? {
                CreateOutcome::Created(_) => {
                    if let Some(request) = &request {
                        request.remember(&id, user.as_deref(), user.as_deref());
                    }
                    return Ok(id);
                }
                CreateOutcome::Exists => id = draw(),
            }
        }
    }

    /// Gives a session that `cycle_id` deleted its new id. Returns it, or `None` if there is no live session of the old id.
    async fn change_id(
        &self,
        request: &RequestState,
        old: &str,
        new: &str,
        draw: &(impl Fn() -> String + Send),
        user: Option<&str>,
    ) -> Result<Option<String>, Failure> {
        let known = request.user(old);
        let old_id = SessionId::foreign(old).map_err(Error::from)?;
        let mut new = new.to_owned();
        loop {
            let new_id = SessionId::foreign(&new).map_err(Error::from)?;
            let changed = match (user, &known) {
                (Some(user), known) if known.as_deref() != Some(user) => {
                    let attributes = request.attributes();
                    self.store
                        .login_id(&old_id, &new_id, user, &attributes)
                        .await
                }
                (None, Some(_)) if self.user_id.is_some() => {
                    self.store.logout_id(&old_id, &new_id).await
                }
                _ => self.store.rotate_id(&old_id, &new_id, Duration::ZERO).await,
            };
            match Self::noted(changed)? {
                IdOutcome::Changed => {
                    request.keep(old);
                    request.remember(&new, user, user);
                    return Ok(Some(new));
                }
                IdOutcome::Gone => return Ok(None),
                IdOutcome::Exists => new = draw(),
            }
        }
    }

    pub(crate) async fn delete_record(&self, id: &str) -> Result<(), Failure> {
        match RequestState::current() {
            Some(request) => request.delete(id),
            None => end(&self.store, id).await?,
        }
        Ok(())
    }

    pub(crate) async fn delete_expired_records(&self) -> Result<(), Failure> {
        loop {
            let batch = self.store.prune(10_000).await?;
            if batch.is_complete() || batch.is_busy() {
                return Ok(());
            }
            tokio::time::sleep(batch.pause()).await;
        }
    }

    fn user_of(&self, data: &Data) -> Option<String> {
        self.user_id.as_ref().and_then(|user_id| user_id(data))
    }
}

impl fmt::Debug for ConnectPgStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectPgStore")
            .field("on_outage", &self.on_outage)
            .finish_non_exhaustive()
    }
}

/// Returns the id of a session in the [store](ConnectPgStore::store): `session_id(&session.id()?)`.
///
/// # Errors
///
/// Returns an error if the text is not 1 to 1024 bytes without a NUL. The `Id` of tower-sessions always is.
pub fn session_id(id: &impl fmt::Display) -> Result<SessionId, Error> {
    SessionId::foreign(&id.to_string()).map_err(Error::from)
}
