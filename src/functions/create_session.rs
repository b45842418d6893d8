use uuid::Uuid;

use crate::error::Error;
use crate::functions::attribute_parameters::AttributeParameters;
use crate::functions::call::{Function, Locks};
use crate::functions::composite_value::composite;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::{Reply, column, expiry};
use crate::session::{Expiry, SessionKey};

/// Creates a session.
pub(crate) struct CreateSession<'a> {
    pub(crate) key: &'a SessionKey,
    pub(crate) data: &'a str,
    pub(crate) attributes: AttributeParameters<'a>,
}

/// What `create_session` returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CreateReply {
    Created {
        version: i64,
        expiry: Expiry,
        handle: Uuid,
    },
    /// There is a session of this key. If the call was repeated, the first one created it.
    Exists { repeated: bool },
    /// The user has as many sessions as the store allows.
    LimitReached,
}

impl<'a> Function<'a> for CreateSession<'a> {
    const STATEMENT: &'static str =
        composite!("{schema}.create_session($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
    const CHANGES: bool = true;
    const LOCKS: Locks = Locks::User;
    type Output = CreateReply;

    fn parameters(&self) -> Parameters<'a> {
        self.attributes
            .after(Parameter::Key(self.key), Parameter::Data(self.data))
            .into()
    }

    fn decode(reply: Reply) -> Result<CreateReply, Error> {
        let repeated = reply.is_repeated();
        // outcome, version, expires_at, handle, server_time
        let row = reply.composite()?;
        match column(&row, 0)? {
            "created" => Ok(CreateReply::Created {
                version: column(&row, 1)?,
                expiry: expiry(&row, 2, 4)?,
                handle: column(&row, 3)?,
            }),
            "exists" => Ok(CreateReply::Exists { repeated }),
            "limit_reached" => Ok(CreateReply::LimitReached),
            _ => Err(Error::reply("create_session has another outcome")),
        }
    }
}
