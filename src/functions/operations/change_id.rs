use crate::error::Error;
use crate::functions::attribute_parameters::AttributeParameters;
use crate::functions::call::{Call, Function};
use crate::functions::login_session::LoginSession;
use crate::functions::logout_session::LogoutSession;
use crate::functions::operations::drawn_id::DrawnId;
use crate::functions::operations::{Next, Operation};
use crate::functions::reply::Reply;
use crate::functions::rotate_session::{ChangeIdReply, RotateSession};
use crate::session::{Expiry, SessionId, SessionKey};

/// Gives a session a new id, by one of three functions.
///
/// A repeated call has the same new key, by which the function recognizes what it has done.
pub(crate) struct ChangeId<'a> {
    change: IdChange<'a>,
    old_key: SessionKey,
    new: DrawnId,
}

/// Why a session gets a new id.
#[derive(Clone, Copy)]
pub(crate) enum IdChange<'a> {
    Rotate { grace_seconds: i32 },
    Login(AttributeParameters<'a>),
    Logout,
}

/// What became of the session.
#[derive(Debug)]
pub(crate) enum ChangedId {
    Rotated {
        id: SessionId,
        key: SessionKey,
        expiry: Expiry,
    },
    Gone,
}

impl<'a> ChangeId<'a> {
    pub(crate) fn new(change: IdChange<'a>, old_key: SessionKey) -> Result<ChangeId<'a>, Error> {
        Ok(ChangeId {
            change,
            old_key,
            new: DrawnId::new(Some(old_key.slot()))?,
        })
    }
}

impl Operation for ChangeId<'_> {
    type Reply = ChangeIdReply;
    type Output = ChangedId;
    type Error = Error;

    fn call(&self) -> Call<'_> {
        let (old_key, new_key) = (&self.old_key, &self.new.key);
        match self.change {
            IdChange::Rotate { grace_seconds } => RotateSession {
                old_key,
                new_key,
                grace_seconds,
            }
            .call(),
            IdChange::Login(attributes) => LoginSession {
                old_key,
                new_key,
                attributes,
            }
            .call(),
            IdChange::Logout => LogoutSession { old_key, new_key }.call(),
        }
    }

    fn decode(&self, reply: Reply) -> Result<ChangeIdReply, Error> {
        ChangeIdReply::decode(reply)
    }

    fn next(&mut self, reply: Result<ChangeIdReply, Error>) -> Result<Next<ChangedId>, Error> {
        match reply? {
            ChangeIdReply::Rotated { expiry } => Ok(Next::Done(ChangedId::Rotated {
                id: self.new.id.clone(),
                key: self.new.key,
                expiry,
            })),
            ChangeIdReply::Gone => Ok(Next::Done(ChangedId::Gone)),
            ChangeIdReply::LimitReached => Err(Error::session_limit()),
            ChangeIdReply::Exists => {
                self.new.draw_again()?;
                Ok(Next::Call)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotation() -> ChangeId<'static> {
        let old = SessionId::generate().unwrap().key();
        ChangeId::new(IdChange::Rotate { grace_seconds: 0 }, old).unwrap()
    }

    #[test]
    fn each_change_calls_its_function() {
        let key = SessionId::generate().unwrap().key();
        let attributes = crate::session::SessionAttributes::default();
        let attributes = AttributeParameters::new(&attributes).unwrap();
        for (change, statement) in [
            (
                IdChange::Rotate { grace_seconds: 0 },
                RotateSession::STATEMENT,
            ),
            (IdChange::Login(attributes), LoginSession::STATEMENT),
            (IdChange::Logout, LogoutSession::STATEMENT),
        ] {
            let operation = ChangeId::new(change, key).unwrap();
            assert_eq!(operation.call().statement(), statement);
        }
    }

    #[test]
    fn rotated_session_has_the_drawn_id_in_the_same_slot() {
        let mut operation = rotation();
        let reply = ChangeIdReply::Rotated {
            expiry: Expiry::NEVER,
        };
        let Next::Done(ChangedId::Rotated { id, key, .. }) = operation.next(Ok(reply)).unwrap()
        else {
            panic!("another call");
        };
        assert_eq!(key, id.key());
        assert_eq!(key.slot(), operation.old_key.slot());
    }

    #[test]
    fn collision_draws_one_other_id() {
        let mut operation = rotation();
        let first = operation.new.id.clone();
        assert!(matches!(
            operation.next(Ok(ChangeIdReply::Exists)),
            Ok(Next::Call)
        ));
        assert_ne!(operation.new.id, first);
        assert_eq!(operation.new.key, operation.new.id.key());
        assert!(operation.next(Ok(ChangeIdReply::Exists)).is_err());
    }

    #[test]
    fn gone_and_limit_are_returned() {
        let gone = rotation().next(Ok(ChangeIdReply::Gone)).unwrap();
        assert!(matches!(gone, Next::Done(ChangedId::Gone)));
        let limit = rotation().next(Ok(ChangeIdReply::LimitReached));
        assert!(limit.unwrap_err().is_session_limit());
    }
}
