use crate::error::Error;
use crate::functions::CreateReply;
use crate::session::{Session, SessionId};

/// The outcome of [`create_with_id`](crate::Store::create_with_id).
///
/// Neither is an error, so a transaction of the application's goes on in both cases.
#[derive(Debug)]
#[must_use = "if the id is in use, no session was created"]
pub enum CreateOutcome<T> {
    /// The session is stored.
    Created(Session<T>),
    /// The id is in use, perhaps by a session that has ended or expired. Nothing was changed: choose another id.
    Exists,
}

impl<T> CreateOutcome<T> {
    /// Returns the session of this id with its data.
    pub(crate) fn new(
        reply: CreateReply,
        id: &SessionId,
        data: T,
        user_id: Option<&str>,
    ) -> Result<CreateOutcome<T>, Error> {
        match reply {
            CreateReply::Created {
                version,
                expiry,
                handle,
            } => Ok(CreateOutcome::Created(Session {
                data,
                id: id.clone(),
                key: id.key(),
                version,
                expiry,
                user_id: user_id.map(ToOwned::to_owned),
                handle: Some(handle),
            })),
            CreateReply::Exists { .. } => Ok(CreateOutcome::Exists),
            CreateReply::LimitReached => Err(Error::session_limit()),
        }
    }
}
