//! What happens after the handler, as a state machine without I/O: the synchronous and the asynchronous store share it.

use std::mem;
use std::time::Duration;

use connect_pg::{
    EndReason, Error, RotateOutcome, SaveOutcome, Session, SessionAttributes, SessionId,
    SessionState, UpdateOutcome,
};
use serde::Serialize;

use crate::cookie_lifetime::CookieLifetime;
use crate::failure::Failure;
use crate::finished::Finished;
use crate::on_outage::OnOutage;
use crate::received_cookie::ReceivedCookie;
use crate::request_session::{Change, Intent, RequestSession};
use crate::session_cookie::{SessionCookie, now};

/// A call of the store.
pub(crate) enum Step<T> {
    /// `info`, for the state alone.
    State(SessionId),
    Create(T, SessionAttributes),
    Save(Session<T>),
    Update(SessionId, Vec<Change<T>>),
    /// Fails if the data is too large to be stored. Changes nothing.
    Check(Session<T>),
    LogIn(Session<T>, String, SessionAttributes),
    Rotate(Session<T>, Duration),
    Touch(Session<T>),
    End(SessionId),
    Done(Finished),
}

/// What the call returned.
pub(crate) enum Reply<T> {
    State(SessionState),
    Created(Session<T>),
    Saved(SaveOutcome, Session<T>),
    Updated(UpdateOutcome<Session<T>>, Vec<Change<T>>),
    Checked(Session<T>),
    Rotated(RotateOutcome, Session<T>),
    Touched(bool, Session<T>),
    Ended,
}

/// The rest of a request, from the handler's return to the headers of the response.
pub(crate) struct Exchange<'a, T> {
    cookie: &'a SessionCookie,
    request: RequestSession<T>,
    /// The visitor had a session when the request began.
    is_personal: bool,
    /// The session that was created, while another one is ended.
    created: Option<Session<T>>,
    /// The id that the session got in this request.
    new_id: Option<SessionId>,
}

/// Returns the session of a request after an error of the load.
pub(crate) fn after_failed_load<T>(
    received: ReceivedCookie,
    error: Error,
    on_outage: OnOutage,
) -> Result<RequestSession<T>, Failure> {
    if on_outage == OnOutage::Fail || !error.is_unavailable() {
        return Err(error.into());
    }
    let mut request = RequestSession::new(Some(received), None, true);
    request.outage = Some(error);
    Ok(request)
}

impl<'a, T: Default + Serialize> Exchange<'a, T> {
    pub(crate) fn new(cookie: &'a SessionCookie, request: RequestSession<T>) -> Exchange<'a, T> {
        Exchange {
            cookie,
            is_personal: request.session.is_some(),
            request,
            created: None,
            new_id: None,
        }
    }

    /// Returns the id of a session that no browser has if the request fails now. An attacker cannot have it either, but the list of
    /// the user's devices would show it.
    pub(crate) fn unsent_id(self) -> Option<SessionId> {
        let created = self.created.map(|session| session.id().clone());
        created.or(self.new_id)
    }

    /// Returns the first call.
    pub(crate) fn first(&mut self) -> Result<Step<T>, Failure> {
        let is_kept = matches!(self.request.intent, Intent::Keep) && !self.request.is_logout;
        match self.request.outage.take() {
            Some(_) if is_kept => return Ok(self.done()),
            Some(error) => return Err(error.into()),
            None => {}
        }
        Ok(match self.request.end_first.take() {
            Some(id) => Step::End(id),
            None => self.store(),
        })
    }

    /// Returns the call that follows this reply.
    pub(crate) fn next(&mut self, reply: Reply<T>) -> Result<Step<T>, Failure> {
        Ok(match reply {
            // The login of another tab was faster. A cookie from here could replace its cookie and undo the login.
            Reply::State(SessionState::Ended(EndReason::Rotated)) | Reply::Touched(false, _) => {
                self.done()
            }
            Reply::State(_) => self.create(),
            Reply::Created(session) => match self.request.end_last.take() {
                Some(other) => {
                    self.created = Some(session);
                    Step::End(other)
                }
                None => self.done_with(&session),
            },
            Reply::Ended => match self.created.take() {
                Some(session) => self.done_with(&session),
                None => self.store(),
            },
            Reply::Saved(SaveOutcome::Saved, session) => self.stored(&session),
            Reply::Saved(SaveOutcome::Conflict, session) => {
                Step::Update(session.id().clone(), self.request.take_changes())
            }
            Reply::Saved(SaveOutcome::Gone, _) | Reply::Rotated(RotateOutcome::Gone, _) => {
                return self.gone();
            }
            Reply::Updated(outcome, changes) => {
                self.request.changes = changes;
                match outcome {
                    UpdateOutcome::Updated(session) => self.stored(&session),
                    UpdateOutcome::Gone => return self.gone(),
                }
            }
            Reply::Checked(session) => self.change_id(session),
            Reply::Rotated(RotateOutcome::Rotated, session) => {
                self.new_id = Some(session.id().clone());
                if self.request.is_changed(&session) {
                    Step::Save(session)
                } else {
                    self.done_with(&session)
                }
            }
            Reply::Touched(true, session) => self.done_with(&session),
        })
    }

    /// Stores the changes. A login or a new id comes first: an attacker may know the old id, and would read what is stored under it.
    fn store(&mut self) -> Step<T> {
        if let Some(session) = self.request.session.take() {
            return match &self.request.intent {
                // Afterwards it would be too late: the old id is invalid, and the browser has no other.
                Intent::LogIn(_) | Intent::Renew(_) if self.request.has_large_change(&session) => {
                    Step::Check(session)
                }
                Intent::LogIn(_) | Intent::Renew(_) => self.change_id(session),
                Intent::Keep if self.request.is_changed(&session) => Step::Save(session),
                // The session may have a new id by now, and the old cookie must not replace the new one.
                Intent::Keep if self.is_due(&session) => Step::Touch(session),
                Intent::Keep => self.done(),
            };
        }
        if matches!(self.request.intent, Intent::LogIn(_)) {
            return self.create();
        }
        if self.request.changes.is_empty() {
            return self.done();
        }
        match &self.request.received {
            Some(received) if !self.request.is_logout => Step::State(received.id.clone()),
            _ => self.create(),
        }
    }

    fn change_id(&self, session: Session<T>) -> Step<T> {
        match &self.request.intent {
            Intent::LogIn(user_id) => {
                Step::LogIn(session, user_id.clone(), self.request.attributes.clone())
            }
            Intent::Renew(grace) => Step::Rotate(session, *grace),
            Intent::Keep => self.done(),
        }
    }

    /// Goes on when the changes of a live session are stored.
    fn stored(&self, session: &Session<T>) -> Step<T> {
        if self.new_id.is_some() || self.is_due(session) {
            self.done_with(session)
        } else {
            self.done()
        }
    }

    /// Creates a session. It has a new id, so that no id is adopted that came from outside.
    fn create(&mut self) -> Step<T> {
        let mut attributes = mem::take(&mut self.request.attributes);
        if let Intent::LogIn(user_id) = &self.request.intent {
            attributes = attributes.user_id(user_id.clone());
        }
        Step::Create(self.request.new_data(), attributes)
    }

    /// Goes on when the session that was loaded is no longer live. A login needs no session from before.
    fn gone(&mut self) -> Result<Step<T>, Failure> {
        match self.request.intent {
            // Once the session has its new id, a logout elsewhere ended the user's session.
            Intent::LogIn(_) if self.new_id.is_none() => Ok(self.create()),
            _ => Err(Failure::Gone),
        }
    }

    /// Returns true if the cookie must be sent again, although the id is the same: the session outlives it, or its kind changes.
    fn is_due(&self, session: &Session<T>) -> bool {
        let Some(received) = &self.request.received else {
            return false;
        };
        let lifetime = self.lifetime();
        match received.expires_at {
            _ if self.request.is_passive => false,
            None => lifetime == CookieLifetime::Session,
            Some(_) if lifetime == CookieLifetime::Browser => true,
            Some(expires_at) => is_apart(expires_at.saturating_sub(now()), session.max_age()),
        }
    }

    /// Returns the kind of the cookie: what the request asks for, what it is, or what a new one is.
    fn lifetime(&self) -> CookieLifetime {
        let received = self.request.received.as_ref();
        let present = received.map(|received| match received.expires_at {
            Some(_) => CookieLifetime::Session,
            None => CookieLifetime::Browser,
        });
        let wanted = self.request.lifetime.or(present);
        wanted.unwrap_or(self.cookie.lifetime())
    }

    fn done_with(&self, session: &Session<T>) -> Step<T> {
        let set_cookie = self.cookie.set(session, self.lifetime());
        Step::Done(Finished::new(Some(set_cookie), true))
    }

    /// Leaves the cookie as it is, except after a logout.
    fn done(&self) -> Step<T> {
        let removal = self.request.is_logout.then(|| self.cookie.removal());
        Step::Done(Finished::new(removal, self.is_personal))
    }
}

/// Returns true if the seconds that the cookie and the session have left differ by more than a twentieth: at least a minute and at
/// most ten, as the store writes a slide. A cookie that outlives its session by much was set by a server whose clock is wrong.
fn is_apart(cookie: u64, session: u64) -> bool {
    cookie.abs_diff(session) > (session / 20).clamp(60, 600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookie_is_due_when_it_differs_from_session_by_a_twentieth() {
        for (cookie, session, is_due) in [
            (3600, 3600, false),
            (3420, 3600, false),
            (3419, 3600, true),
            (3780, 3600, false),
            (3781, 3600, true),
            (0, 60, false),
            (0, 61, true),
            (14 * 86_400 - 600, 14 * 86_400, false),
            (14 * 86_400 - 601, 14 * 86_400, true),
            (0, u64::MAX, true),
            (u64::MAX, 0, true),
        ] {
            assert_eq!(is_apart(cookie, session), is_due, "{cookie} {session}");
        }
    }
}
