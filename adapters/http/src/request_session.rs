use std::fmt;
use std::mem;
use std::time::Duration;

use connect_pg::{Error, Session, SessionAttributes, SessionId};
use serde::Serialize;

use crate::cookie_lifetime::CookieLifetime;
use crate::received_cookie::ReceivedCookie;

/// The smallest value that `max_data_bytes` of a store may have.
const ALWAYS_ACCEPTED_BYTES: usize = 8192;

/// A change of the data. It may run again, on data that another request has changed.
pub(crate) type Change<T> = Box<dyn FnMut(&mut T) + Send>;

/// The session of one request, while the request is handled. From [`Sessions::run`](crate::Sessions::run) or
/// [`Sessions::begin`](crate::Sessions::begin).
///
/// It is a copy in memory. Nothing is stored before [`Sessions::finish`](crate::Sessions::finish), which `run` calls when the handler
/// has returned. `Debug` shows neither the id nor the data.
#[must_use = "nothing is stored before finish()"]
pub struct RequestSession<T> {
    pub(crate) received: Option<ReceivedCookie>,
    /// What was loaded, with the changes.
    pub(crate) session: Option<Session<T>>,
    /// The data of a session that is to be created.
    fresh: Option<T>,
    pub(crate) changes: Vec<Change<T>>,
    /// What was loaded, as JSON, if there are changes.
    before: Option<Vec<u8>>,
    pub(crate) attributes: SessionAttributes,
    pub(crate) lifetime: Option<CookieLifetime>,
    pub(crate) intent: Intent,
    /// The session that a logout ends.
    pub(crate) end_first: Option<SessionId>,
    /// The session of another user, which ends when the new one is created.
    pub(crate) end_last: Option<SessionId>,
    pub(crate) is_logout: bool,
    /// The visitor did not make this request: its cookie is not renewed.
    pub(crate) is_passive: bool,
    pub(crate) outage: Option<Error>,
}

/// What happens to the id.
#[derive(Clone)]
pub(crate) enum Intent {
    Keep,
    LogIn(String),
    Renew(Duration),
}

impl<T> RequestSession<T> {
    pub(crate) fn new(
        received: Option<ReceivedCookie>,
        session: Option<Session<T>>,
        is_passive: bool,
    ) -> RequestSession<T> {
        RequestSession {
            received,
            session,
            fresh: None,
            changes: Vec::new(),
            before: None,
            attributes: SessionAttributes::new(),
            lifetime: None,
            intent: Intent::Keep,
            end_first: None,
            end_last: None,
            is_logout: false,
            is_passive,
            outage: None,
        }
    }

    /// Returns the data, with the changes of this request, or None if nothing is stored for this visitor.
    #[must_use]
    pub fn data(&self) -> Option<&T> {
        let session = self.session.as_ref().map(|session| &session.data);
        session.or(self.fresh.as_ref())
    }

    /// Returns the user who is logged in, or None for an anonymous visitor.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        match &self.intent {
            Intent::LogIn(user_id) => Some(user_id),
            _ => self.session.as_ref()?.user_id(),
        }
    }

    /// Returns the id of the live session, or None if there is none. It is the one to leave out in
    /// [`Store::end_user_sessions`](connect_pg::Store::end_user_sessions): "log out everywhere else".
    #[must_use]
    pub fn id(&self) -> Option<&SessionId> {
        self.session.as_ref().map(Session::id)
    }

    /// Returns true if the database was unavailable, and this anonymous session stands in for the visitor's: see
    /// [`OnOutage`](crate::OnOutage).
    #[must_use]
    pub fn is_outage(&self) -> bool {
        self.outage.is_some()
    }

    /// Changes the data, at first the default of `T`, and returns it.
    ///
    /// If another request changes the session before this one is finished, `change` is applied again, to that data. So it should do
    /// nothing else, and no change of either request is lost. The response was made with the earlier copy. If it depends on the
    /// result, call [`Store::try_update`](connect_pg::Store::try_update).
    ///
    /// A change that leaves the data as it was writes nothing, and is not sent.
    pub fn change<R>(&mut self, mut change: impl FnMut(&mut T) -> R + Send + 'static) -> &T
    where
        T: Default + Serialize,
    {
        if self.changes.is_empty() {
            let session = self.session.as_ref();
            self.before = session.and_then(|session| serde_json::to_vec(&session.data).ok());
        }
        let data = match &mut self.session {
            Some(session) => &mut session.data,
            None => self.fresh.get_or_insert_default(),
        };
        change(data);
        self.changes.push(Box::new(move |data| {
            change(data);
        }));
        data
    }

    /// Sets what is known of the visitor's device, for a session that this request creates. It has no effect on a session that
    /// exists.
    pub fn set_attributes(&mut self, attributes: SessionAttributes) {
        self.attributes = attributes;
    }

    /// Sets how long the browser keeps the cookie. "Remember me" is [`CookieLifetime::Session`]; give the login a longer timeout too.
    ///
    /// Otherwise the cookie stays of the kind that it is, and a new one is of the kind that
    /// [`SessionCookieBuilder::lifetime`](crate::SessionCookieBuilder::lifetime) sets.
    pub fn set_lifetime(&mut self, lifetime: CookieLifetime) {
        self.lifetime = Some(lifetime);
    }

    /// Logs a user in. The session gets a new id, so that an id that an attacker planted is worthless ([session fixation][owasp]).
    ///
    /// The session of an anonymous visitor becomes the user's, with its data. If another user was logged in, that session ends,
    /// and the user gets one without data. Check the user's password first, and that the request is
    /// [of the same origin](crate::is_cross_origin_write).
    ///
    /// [owasp]: https://owasp.org/www-community/attacks/Session_fixation
    pub fn log_in(&mut self, user_id: impl Into<String>, attributes: SessionAttributes) {
        let user_id = user_id.into();
        let other = self.session.take_if(|session| {
            session
                .user_id()
                .is_some_and(|present| present != user_id.as_str())
        });
        if let Some(other) = other {
            self.end_last = Some(other.id().clone());
            self.forget();
        }
        self.intent = Intent::LogIn(user_id);
        self.attributes = attributes;
    }

    /// Logs the visitor out: ends the session with its data, and removes the cookie. A change after this is stored in a new,
    /// anonymous session.
    ///
    /// Nothing brings the ended session back, not even a request that runs at the same time.
    pub fn log_out(&mut self) {
        self.end_first = self.received.as_ref().map(|received| received.id.clone());
        self.end_last = None;
        self.session = None;
        self.forget();
        self.intent = Intent::Keep;
        self.is_logout = true;
    }

    /// Gives the session a new id and keeps all else, after a change of privilege that is neither login nor logout.
    ///
    /// For `grace`, whole seconds and 60 at most, other requests of the same page may still read by the old id:
    /// see [`Store::rotate`](connect_pg::Store::rotate).
    pub fn renew_id(&mut self, grace: Duration) {
        if matches!(self.intent, Intent::Keep) {
            self.intent = Intent::Renew(grace);
        }
    }

    fn forget(&mut self) {
        self.fresh = None;
        self.before = None;
        self.changes.clear();
    }

    /// Returns the data of a new session: the default, and the changes.
    pub(crate) fn new_data(&mut self) -> T
    where
        T: Default,
    {
        let mut data = T::default();
        self.changes.iter_mut().for_each(|change| change(&mut data));
        data
    }

    /// Returns true if there is something to save.
    pub(crate) fn is_changed(&self, session: &Session<T>) -> bool
    where
        T: Serialize,
    {
        // What cannot be written as JSON is an error of the store.
        let is_same = |before: &Vec<u8>| {
            serde_json::to_vec(&session.data).is_ok_and(|after| after == *before)
        };
        !self.changes.is_empty() && !self.before.as_ref().is_some_and(is_same)
    }

    /// Returns true if there are changes, and the store may refuse the data because of its size.
    pub(crate) fn has_large_change(&self, session: &Session<T>) -> bool
    where
        T: Serialize,
    {
        let is_small = || {
            serde_json::to_vec(&session.data).is_ok_and(|data| data.len() <= ALWAYS_ACCEPTED_BYTES)
        };
        self.is_changed(session) && !is_small()
    }

    pub(crate) fn take_changes(&mut self) -> Vec<Change<T>> {
        mem::take(&mut self.changes)
    }
}

impl<T> fmt::Debug for RequestSession<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestSession")
            .field("is_live", &self.session.is_some())
            .field("changes", &self.changes.len())
            .field("is_outage", &self.is_outage())
            .finish_non_exhaustive()
    }
}
