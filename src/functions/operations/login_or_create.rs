use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::functions::attribute_parameters::AttributeParameters;
use crate::functions::call::{Call, Function};
use crate::functions::end_session::EndSession;
use crate::functions::json;
use crate::functions::load_session_value::{LoadSession, LoadedSession};
use crate::functions::operations::change_id::{ChangeId, ChangedId, IdChange};
use crate::functions::operations::create::{Create, CreateReplies};
use crate::functions::operations::{Next, Operation};
use crate::functions::reply::Reply;
use crate::functions::rotate_session::ChangeIdReply;
use crate::session::{Session, SessionId, SessionKey};

/// Makes the session of an id the user's, or creates one.
pub(crate) struct LoginOrCreate<'a, T, F> {
    user_id: &'a str,
    attributes: AttributeParameters<'a>,
    data: Option<F>,
    state: State<'a, T>,
}

enum State<'a, T> {
    Loading {
        id: &'a SessionId,
        key: SessionKey,
    },
    LoggingIn {
        session: Option<Session<T>>,
        change: ChangeId<'a>,
    },
    Creating {
        create: Create<'a>,
        data: Option<T>,
        other: Option<SessionKey>,
    },
    /// The session of another user ends.
    Ending {
        other: SessionKey,
        created: Option<Session<T>>,
    },
}

pub(crate) enum LoginOrCreateReply {
    Load(Option<LoadedSession>),
    Login(ChangeIdReply),
    Create(CreateReplies),
    End,
}

impl<'a, T: Serialize, F: FnOnce() -> T> LoginOrCreate<'a, T, F> {
    pub(crate) fn new(
        id: Option<&'a SessionId>,
        user_id: &'a str,
        attributes: AttributeParameters<'a>,
        data: F,
    ) -> Result<LoginOrCreate<'a, T, F>, Error> {
        let mut data = Some(data);
        let state = match id {
            Some(id) => State::Loading { id, key: id.key() },
            None => creating(attributes, &mut data, None)?,
        };
        Ok(LoginOrCreate {
            user_id,
            attributes,
            data,
            state,
        })
    }

    fn create(&mut self, other: Option<SessionKey>) -> Result<Next<Session<T>>, Error> {
        self.state = creating(self.attributes, &mut self.data, other)?;
        Ok(Next::Call)
    }
}

fn creating<'a, T: Serialize>(
    attributes: AttributeParameters<'a>,
    data: &mut Option<impl FnOnce() -> T>,
    other: Option<SessionKey>,
) -> Result<State<'a, T>, Error> {
    let data = data.take().ok_or_else(unexpected)?();
    Ok(State::Creating {
        create: Create::new(json::encode(&data)?, attributes)?,
        data: Some(data),
        other,
    })
}

/// Returns the error of a mistake in this file: each reply is decoded by the state that made its call.
fn unexpected() -> Error {
    Error::reply("a reply to another call")
}

impl<T, F> Operation for LoginOrCreate<'_, T, F>
where
    T: Serialize + DeserializeOwned,
    F: FnOnce() -> T,
{
    type Reply = LoginOrCreateReply;
    type Output = Session<T>;
    type Error = Error;

    fn call(&self) -> Call<'_> {
        match &self.state {
            State::Loading { key, .. } => LoadSession { key, slide: true }.call(),
            State::LoggingIn { change, .. } => change.call(),
            State::Creating { create, .. } => create.call(),
            State::Ending { other, .. } => EndSession { key: other }.call(),
        }
    }

    fn decode(&self, reply: Reply) -> Result<LoginOrCreateReply, Error> {
        match &self.state {
            State::Loading { .. } => LoadSession::decode(reply).map(LoginOrCreateReply::Load),
            State::LoggingIn { change, .. } => change.decode(reply).map(LoginOrCreateReply::Login),
            State::Creating { create, .. } => create.decode(reply).map(LoginOrCreateReply::Create),
            State::Ending { .. } => EndSession::decode(reply).map(|_| LoginOrCreateReply::End),
        }
    }

    fn next(
        &mut self,
        reply: Result<LoginOrCreateReply, Error>,
    ) -> Result<Next<Session<T>>, Error> {
        match (&mut self.state, reply) {
            (State::Loading { id, key }, Ok(LoginOrCreateReply::Load(loaded))) => {
                let Some(loaded) = loaded else {
                    return self.create(None);
                };
                let session: Session<T> = loaded.into_session(id.clone(), *key)?;
                if session.user_id().is_some_and(|other| other != self.user_id) {
                    return self.create(Some(session.key));
                }
                self.state = State::LoggingIn {
                    change: ChangeId::new(IdChange::Login(self.attributes), session.key)?,
                    session: Some(session),
                };
                Ok(Next::Call)
            }
            (State::LoggingIn { session, change }, Ok(LoginOrCreateReply::Login(reply))) => {
                match change.next(Ok(reply))? {
                    Next::Done(ChangedId::Rotated { id, key, expiry }) => {
                        let mut session = session.take().ok_or_else(unexpected)?;
                        session.set_id(id, key, expiry);
                        session.set_user(self.user_id);
                        Ok(Next::Done(session))
                    }
                    Next::Done(ChangedId::Gone) => self.create(None),
                    Next::Call | Next::CallAfter(_) => Ok(Next::Call),
                }
            }
            (
                State::Creating {
                    create,
                    data,
                    other,
                },
                reply,
            ) => {
                let reply = reply.and_then(|reply| match reply {
                    LoginOrCreateReply::Create(reply) => Ok(reply),
                    _ => Err(unexpected()),
                });
                let Next::Done(created) = create.next(reply)? else {
                    return Ok(Next::Call);
                };
                let data = data.take().ok_or_else(unexpected)?;
                let created = created.into_session(data, Some(self.user_id));
                let Some(other) = *other else {
                    return Ok(Next::Done(created));
                };
                self.state = State::Ending {
                    other,
                    created: Some(created),
                };
                Ok(Next::Call)
            }
            (State::Ending { created, .. }, Ok(LoginOrCreateReply::End)) => {
                created.take().map(Next::Done).ok_or_else(unexpected)
            }
            (_, Err(error)) => Err(error),
            (_, Ok(_)) => Err(unexpected()),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::functions::create_session::{CreateReply, CreateSession};
    use crate::functions::login_session::LoginSession;
    use crate::session::{Expiry, SessionAttributes};

    fn login<'a>(
        id: Option<&'a SessionId>,
        attributes: &'a SessionAttributes,
    ) -> LoginOrCreate<'a, u32, fn() -> u32> {
        let attributes = AttributeParameters::of_user("ada", attributes).unwrap();
        let data: fn() -> u32 = || 7;
        LoginOrCreate::new(id, "ada", attributes, data).unwrap()
    }

    fn loaded(user_id: Option<&str>) -> LoginOrCreateReply {
        let mut session = LoadedSession::from_text("1", 5);
        session.user_id = user_id.map(ToOwned::to_owned);
        LoginOrCreateReply::Load(Some(session))
    }

    fn created() -> LoginOrCreateReply {
        LoginOrCreateReply::Create(CreateReplies::Create(CreateReply::Created {
            version: 1,
            expiry: Expiry::NEVER,
            handle: Uuid::nil(),
        }))
    }

    #[test]
    fn live_session_gets_a_new_id_and_the_user() {
        let (id, attributes) = (SessionId::generate().unwrap(), SessionAttributes::new());
        let mut login = login(Some(&id), &attributes);
        assert_eq!(login.call().statement(), LoadSession::STATEMENT);
        assert!(matches!(login.next(Ok(loaded(None))), Ok(Next::Call)));
        assert_eq!(login.call().statement(), LoginSession::STATEMENT);
        let rotated = ChangeIdReply::Rotated {
            expiry: Expiry::NEVER,
        };
        let Next::Done(session) = login.next(Ok(LoginOrCreateReply::Login(rotated))).unwrap()
        else {
            panic!("another call");
        };
        assert_ne!(session.id, id);
        assert_eq!((session.user_id(), session.data), (Some("ada"), 1));
    }

    #[test]
    fn session_of_another_user_is_replaced_and_ends() {
        let (id, attributes) = (SessionId::generate().unwrap(), SessionAttributes::new());
        let mut login = login(Some(&id), &attributes);
        assert!(matches!(
            login.next(Ok(loaded(Some("bob")))),
            Ok(Next::Call)
        ));
        assert_eq!(login.call().statement(), CreateSession::STATEMENT);
        assert_eq!(login.call().data(), Some("7"));
        assert!(matches!(login.next(Ok(created())), Ok(Next::Call)));
        assert_eq!(login.call().statement(), EndSession::STATEMENT);
        let Next::Done(session) = login.next(Ok(LoginOrCreateReply::End)).unwrap() else {
            panic!("another call");
        };
        assert_eq!((session.user_id(), session.data), (Some("ada"), 7));
    }

    #[test]
    fn session_is_created_without_id_or_live_session() {
        let (id, attributes) = (SessionId::generate().unwrap(), SessionAttributes::new());
        let without_id = login(None, &attributes);
        let mut not_live = login(Some(&id), &attributes);
        let gone = not_live.next(Ok(LoginOrCreateReply::Load(None)));
        assert!(matches!(gone, Ok(Next::Call)));
        let mut lost = login(Some(&id), &attributes);
        assert!(matches!(lost.next(Ok(loaded(None))), Ok(Next::Call)));
        let gone = lost.next(Ok(LoginOrCreateReply::Login(ChangeIdReply::Gone)));
        assert!(matches!(gone, Ok(Next::Call)));
        for mut login in [without_id, not_live, lost] {
            assert_eq!(login.call().statement(), CreateSession::STATEMENT);
            assert!(matches!(login.next(Ok(created())), Ok(Next::Done(_))));
        }
    }

    #[test]
    fn limit_and_errors_are_returned() {
        let (id, attributes) = (SessionId::generate().unwrap(), SessionAttributes::new());
        let mut failed = login(Some(&id), &attributes);
        assert!(failed.next(Err(Error::session_limit())).is_err());
        let mut refused = login(Some(&id), &attributes);
        assert!(matches!(refused.next(Ok(loaded(None))), Ok(Next::Call)));
        let limit = refused.next(Ok(LoginOrCreateReply::Login(ChangeIdReply::LimitReached)));
        assert!(limit.unwrap_err().is_session_limit());
    }
}
