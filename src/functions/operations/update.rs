use std::mem;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::functions::call::{Call, Function};
use crate::functions::json;
use crate::functions::load_session_value::{LoadSession, LoadedSession};
use crate::functions::operations::{Next, Operation};
use crate::functions::reply::Reply;
use crate::functions::save_session::{SaveReply, SaveSession};
use crate::session::{Session, SessionId, SessionKey};

/// How often an update saves before it needs the session's lock.
pub(crate) const MAX_UPDATE_ATTEMPTS: u32 = 8;
/// The longest pause between two attempts of an update.
const MAX_UPDATE_PAUSE: Duration = Duration::from_millis(16);

/// Loads a session, changes its data and saves it, until no other client comes in between.
pub(crate) struct Update<'a, T, R, F> {
    id: &'a SessionId,
    key: SessionKey,
    change: F,
    conflicts: u32,
    state: State<T, R>,
}

enum State<T, R> {
    Loading,
    Saving {
        session: Session<T>,
        json: String,
        result: R,
    },
}

pub(crate) enum UpdateReply {
    Load(Option<LoadedSession>),
    Save(SaveReply),
}

/// How an update ended.
#[derive(Debug)]
pub(crate) enum Updated<T, R> {
    /// The change is saved.
    Saved(R, Session<T>),
    /// There is no live session.
    Gone,
    /// Other clients changed the session before each save. Under the session's lock none can. Pause for a random time up to
    /// this one, then take it.
    Contended(Duration),
}

impl<'a, T, R, F> Update<'a, T, R, F> {
    pub(crate) fn new(id: &'a SessionId, change: F) -> Update<'a, T, R, F> {
        Update {
            id,
            key: id.key(),
            change,
            conflicts: 0,
            state: State::Loading,
        }
    }
}

impl<T, R, E, F> Operation for Update<'_, T, R, F>
where
    T: Serialize + DeserializeOwned,
    E: From<Error>,
    F: FnMut(&mut T) -> Result<R, E>,
{
    type Reply = UpdateReply;
    type Output = Updated<T, R>;
    type Error = E;

    fn call(&self) -> Call<'_> {
        match &self.state {
            State::Loading => LoadSession {
                key: &self.key,
                slide: false,
            }
            .call(),
            State::Saving { session, json, .. } => {
                SaveSession::new(&self.key, json, session.version).call()
            }
        }
    }

    fn decode(&self, reply: Reply) -> Result<UpdateReply, Error> {
        match self.state {
            State::Loading => LoadSession::decode(reply).map(UpdateReply::Load),
            State::Saving { .. } => SaveSession::decode(reply).map(UpdateReply::Save),
        }
    }

    fn next(&mut self, reply: Result<UpdateReply, Error>) -> Result<Next<Updated<T, R>>, E> {
        let state = mem::replace(&mut self.state, State::Loading);
        match (state, reply?) {
            (_, UpdateReply::Load(None) | UpdateReply::Save(SaveReply::Gone)) => {
                Ok(Next::Done(Updated::Gone))
            }
            (_, UpdateReply::Load(Some(loaded))) => {
                let mut session: Session<T> = loaded.into_session(self.id.clone(), self.key)?;
                let result = (self.change)(&mut session.data)?;
                let json = json::encode(&session.data)?;
                self.state = State::Saving {
                    session,
                    json,
                    result,
                };
                Ok(Next::Call)
            }
            (
                State::Saving {
                    mut session,
                    result,
                    ..
                },
                UpdateReply::Save(SaveReply::Saved { version, expiry }),
            ) => {
                session.set_saved(version, expiry);
                Ok(Next::Done(Updated::Saved(result, session)))
            }
            // The first call saved this, or another client did. In the latter case the change must be applied once more.
            (_, UpdateReply::Save(SaveReply::Same { repeated: true, .. })) => {
                Err(Error::save_outcome_unknown().into())
            }
            // Another client made the same change: two clients that add 1 to 1 must come to 3.
            (_, UpdateReply::Save(SaveReply::Conflict | SaveReply::Same { .. })) => {
                let pause =
                    Duration::from_millis(1 << self.conflicts.min(16)).min(MAX_UPDATE_PAUSE);
                self.conflicts += 1;
                Ok(if self.conflicts == MAX_UPDATE_ATTEMPTS {
                    Next::Done(Updated::Contended(pause))
                } else {
                    Next::CallAfter(pause)
                })
            }
            (State::Loading, UpdateReply::Save(_)) => {
                Err(Error::reply("a save before a load").into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Expiry;

    fn loaded(data: &'static str) -> UpdateReply {
        UpdateReply::Load(Some(LoadedSession::from_text(data, 5)))
    }

    fn saved() -> UpdateReply {
        UpdateReply::Save(SaveReply::Saved {
            version: 6,
            expiry: Expiry::NEVER,
        })
    }

    fn same(repeated: bool) -> UpdateReply {
        UpdateReply::Save(SaveReply::Same {
            version: 6,
            expiry: Expiry::NEVER,
            repeated,
        })
    }

    #[expect(clippy::unnecessary_wraps, reason = "a change may fail")]
    fn add_one(data: &mut u64) -> Result<u64, Error> {
        *data += 1;
        Ok(*data)
    }

    #[test]
    fn update_loads_changes_and_saves() {
        let id = SessionId::generate().unwrap();
        let mut update = Update::new(&id, add_one);
        assert_eq!(update.call().statement(), LoadSession::STATEMENT);
        assert!(matches!(update.next(Ok(loaded("1"))), Ok(Next::Call)));
        assert_eq!(update.call().statement(), SaveSession::STATEMENT);
        assert_eq!(update.call().data(), Some("2"));
        let Next::Done(Updated::Saved(result, session)) = update.next(Ok(saved())).unwrap() else {
            panic!("another call");
        };
        assert_eq!((result, session.data, session.version), (2, 2, 6));
    }

    #[test]
    fn conflict_applies_the_change_to_fresh_data() {
        let id = SessionId::generate().unwrap();
        for conflict in [
            SaveReply::Conflict,
            SaveReply::Same {
                version: 6,
                expiry: Expiry::NEVER,
                repeated: false,
            },
        ] {
            let mut update = Update::new(&id, add_one);
            assert!(matches!(update.next(Ok(loaded("1"))), Ok(Next::Call)));
            let next = update.next(Ok(UpdateReply::Save(conflict)));
            assert!(matches!(next, Ok(Next::CallAfter(_))));
            assert_eq!(update.call().statement(), LoadSession::STATEMENT);
            assert!(matches!(update.next(Ok(loaded("7"))), Ok(Next::Call)));
            assert_eq!(update.call().data(), Some("8"));
        }
    }

    #[test]
    fn lost_save_is_not_applied_twice() {
        let id = SessionId::generate().unwrap();
        let mut update = Update::new(&id, add_one);
        assert!(matches!(update.next(Ok(loaded("1"))), Ok(Next::Call)));
        let error = update.next(Ok(same(true))).unwrap_err();
        assert!(error.is_outcome_unknown());
    }

    #[test]
    fn pauses_grow_and_the_eighth_conflict_needs_the_lock() {
        let id = SessionId::generate().unwrap();
        let mut update = Update::new(&id, add_one);
        let mut pauses = Vec::new();
        loop {
            assert!(matches!(update.next(Ok(loaded("1"))), Ok(Next::Call)));
            match update.next(Ok(same(false))).unwrap() {
                Next::CallAfter(pause) => pauses.push(pause.as_millis()),
                Next::Done(Updated::Contended(pause)) => {
                    pauses.push(pause.as_millis());
                    break;
                }
                _ => panic!("another step"),
            }
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 16, 16, 16]);
    }

    #[test]
    fn gone_session_stays_gone() {
        let id = SessionId::generate().unwrap();
        let mut update = Update::new(&id, add_one);
        let gone = update.next(Ok(UpdateReply::Load(None)));
        assert!(matches!(gone, Ok(Next::Done(Updated::Gone))));
        let mut update = Update::new(&id, add_one);
        assert!(matches!(update.next(Ok(loaded("1"))), Ok(Next::Call)));
        let gone = update.next(Ok(UpdateReply::Save(SaveReply::Gone)));
        assert!(matches!(gone, Ok(Next::Done(Updated::Gone))));
    }

    #[test]
    fn failed_change_saves_nothing() {
        let id = SessionId::generate().unwrap();
        let refuse = |_: &mut u64| Err::<(), Error>(Error::session_limit());
        let mut update = Update::new(&id, refuse);
        assert!(update.next(Ok(loaded("1"))).unwrap_err().is_session_limit());
    }
}
