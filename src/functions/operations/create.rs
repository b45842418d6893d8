use std::borrow::Cow;

use uuid::Uuid;

use crate::error::Error;
use crate::functions::attribute_parameters::AttributeParameters;
use crate::functions::call::{Call, Function};
use crate::functions::create_session::{CreateReply, CreateSession};
use crate::functions::load_session_value::{LoadSession, LoadedSession};
use crate::functions::operations::drawn_id::DrawnId;
use crate::functions::operations::{Next, Operation};
use crate::functions::reply::Reply;
use crate::session::{Expiry, Session, SessionId, SessionKey};

/// Creates a session with a new id.
pub(crate) struct Create<'a> {
    data: Cow<'a, str>,
    attributes: AttributeParameters<'a>,
    new: DrawnId,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Creating,
    /// The reply to the first call was lost. The session that it created is loaded.
    LoadingCreated,
}

pub(crate) enum CreateReplies {
    Create(CreateReply),
    Load(Option<LoadedSession>),
}

/// A session that was created.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) id: SessionId,
    pub(crate) key: SessionKey,
    pub(crate) version: i64,
    pub(crate) expiry: Expiry,
    /// Unknown after a lost reply.
    pub(crate) handle: Option<Uuid>,
}

impl<'a> Create<'a> {
    pub(crate) fn new(
        data: impl Into<Cow<'a, str>>,
        attributes: AttributeParameters<'a>,
    ) -> Result<Create<'a>, Error> {
        Ok(Create {
            data: data.into(),
            attributes,
            new: DrawnId::new(None)?,
            state: State::Creating,
        })
    }

    fn created(&self, version: i64, expiry: Expiry, handle: Option<Uuid>) -> Next<Created> {
        Next::Done(Created {
            id: self.new.id.clone(),
            key: self.new.key,
            version,
            expiry,
            handle,
        })
    }
}

impl Created {
    /// Returns the session with its data.
    pub(crate) fn into_session<T>(self, data: T, user_id: Option<&str>) -> Session<T> {
        Session {
            data,
            id: self.id,
            key: self.key,
            version: self.version,
            expiry: self.expiry,
            user_id: user_id.map(ToOwned::to_owned),
            handle: self.handle,
        }
    }
}

impl Operation for Create<'_> {
    type Reply = CreateReplies;
    type Output = Created;
    type Error = Error;

    fn call(&self) -> Call<'_> {
        match self.state {
            State::Creating => CreateSession {
                key: &self.new.key,
                data: &self.data,
                attributes: self.attributes,
            }
            .call(),
            State::LoadingCreated => LoadSession {
                key: &self.new.key,
                slide: false,
            }
            .call(),
        }
    }

    fn decode(&self, reply: Reply) -> Result<CreateReplies, Error> {
        match self.state {
            State::Creating => CreateSession::decode(reply).map(CreateReplies::Create),
            State::LoadingCreated => LoadSession::decode(reply).map(CreateReplies::Load),
        }
    }

    fn next(&mut self, reply: Result<CreateReplies, Error>) -> Result<Next<Created>, Error> {
        let reply = match self.state {
            State::Creating => reply?,
            State::LoadingCreated => reply.map_err(Error::with_outcome_unknown)?,
        };
        match reply {
            CreateReplies::Create(CreateReply::Created {
                version,
                expiry,
                handle,
            }) => Ok(self.created(version, expiry, Some(handle))),
            CreateReplies::Create(CreateReply::LimitReached) => Err(Error::session_limit()),
            CreateReplies::Create(CreateReply::Exists { repeated: true }) => {
                self.state = State::LoadingCreated;
                Ok(Next::Call)
            }
            CreateReplies::Create(CreateReply::Exists { repeated: false }) => {
                self.new.draw_again()?;
                Ok(Next::Call)
            }
            CreateReplies::Load(Some(session)) => {
                Ok(self.created(session.version, session.expiry, None))
            }
            CreateReplies::Load(None) => {
                Err(Error::reply("a new session is gone").with_outcome_unknown())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SessionAttributes;

    const EXISTS: CreateReplies = CreateReplies::Create(CreateReply::Exists { repeated: false });
    const EXISTS_REPEATED: CreateReplies =
        CreateReplies::Create(CreateReply::Exists { repeated: true });

    fn with_create(test: impl FnOnce(&mut Create<'_>)) {
        let attributes = SessionAttributes::default();
        let attributes = AttributeParameters::new(&attributes).unwrap();
        test(&mut Create::new("1", attributes).unwrap());
    }

    fn created() -> CreateReplies {
        CreateReplies::Create(CreateReply::Created {
            version: 1,
            expiry: Expiry::NEVER,
            handle: Uuid::nil(),
        })
    }

    #[test]
    fn created_session_has_the_drawn_id() {
        with_create(|create| {
            let id = create.new.id.clone();
            assert_eq!(create.call().statement(), CreateSession::STATEMENT);
            let Next::Done(session) = create.next(Ok(created())).unwrap() else {
                panic!("another call");
            };
            assert_eq!(session.key, session.id.key());
            assert_eq!((session.id, session.version), (id, 1));
            assert_eq!(session.handle, Some(Uuid::nil()));
        });
    }

    #[test]
    fn collision_draws_one_other_id() {
        with_create(|create| {
            let first = create.new.id.clone();
            assert!(matches!(create.next(Ok(EXISTS)), Ok(Next::Call)));
            assert_ne!(create.new.id, first);
            assert_eq!(create.new.key, create.new.id.key());
            let error = create.next(Ok(EXISTS)).unwrap_err();
            assert!(!error.is_outcome_unknown());
        });
    }

    #[test]
    fn lost_reply_loads_the_created_session() {
        with_create(|create| {
            let id = create.new.id.clone();
            assert!(matches!(create.next(Ok(EXISTS_REPEATED)), Ok(Next::Call)));
            assert_eq!(create.call().statement(), LoadSession::STATEMENT);
            let loaded = LoadedSession::from_text("1", 7);
            let Next::Done(session) = create.next(Ok(CreateReplies::Load(Some(loaded)))).unwrap()
            else {
                panic!("another call");
            };
            assert_eq!((session.id, session.version), (id, 7));
            assert_eq!(session.handle, None);
        });
    }

    #[test]
    fn lost_reply_and_failed_load_return_outcome_unknown() {
        for reply in [
            Ok(CreateReplies::Load(None)),
            Err(Error::pool_timeout(
                std::time::Duration::ZERO,
                crate::error::InUse::default(),
            )),
        ] {
            with_create(|create| {
                assert!(matches!(create.next(Ok(EXISTS_REPEATED)), Ok(Next::Call)));
                assert!(create.next(reply).unwrap_err().is_outcome_unknown());
            });
        }
    }

    #[test]
    fn limit_and_errors_are_returned() {
        with_create(|create| {
            let limit = CreateReplies::Create(CreateReply::LimitReached);
            assert!(create.next(Ok(limit)).unwrap_err().is_session_limit());
        });
        with_create(|create| {
            let error = create.next(Err(Error::session_limit())).unwrap_err();
            assert!(!error.is_outcome_unknown());
        });
    }
}
