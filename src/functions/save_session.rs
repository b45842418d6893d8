use std::time::SystemTime;

use crate::error::Error;
use crate::functions::call::{Function, GroupKind, Locks};
use crate::functions::composite_value::composite;
use crate::functions::lifetime_parameters::LifetimeParameters;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::{Reply, column, expiry};
use crate::functions::save_sessions::SaveSessions;
use crate::session::{Expiry, SessionKey};

/// Saves the data of a session on top of the version that was loaded.
pub(crate) struct SaveSession<'a> {
    pub(crate) key: &'a SessionKey,
    pub(crate) data: &'a str,
    /// The version that was loaded; without one the save overwrites any version.
    pub(crate) version: Option<i64>,
    pub(crate) lifetime: LifetimeParameters,
}

impl<'a> SaveSession<'a> {
    /// A save on top of this version, which leaves the lifetime as it is.
    pub(crate) fn new(key: &'a SessionKey, data: &'a str, version: i64) -> SaveSession<'a> {
        SaveSession {
            key,
            data,
            version: Some(version),
            lifetime: LifetimeParameters::default(),
        }
    }
}

/// What `save_session` returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SaveReply {
    /// The data is stored.
    Saved { version: i64, expiry: Expiry },
    /// Another version has the same data, so nothing was written. If the call was repeated, that version may be its own.
    Same {
        version: i64,
        expiry: Expiry,
        repeated: bool,
    },
    /// Another client changed the data.
    Conflict,
    /// There is no live session.
    Gone,
}

impl SaveReply {
    /// Returns the expiry now in force, unless there is no live session.
    pub(crate) fn expires_at(self) -> Option<SystemTime> {
        match self {
            SaveReply::Saved { expiry, .. } | SaveReply::Same { expiry, .. } => Some(expiry.at),
            SaveReply::Conflict | SaveReply::Gone => None,
        }
    }
}

impl<'a> Function<'a> for SaveSession<'a> {
    const STATEMENT: &'static str = composite!("{schema}.save_session($1, $2, $3, $4, $5, $6)");
    const CHANGES: bool = true;
    const LOCKS: Locks = Locks::Session;
    type Output = SaveReply;

    fn parameters(&self) -> Parameters<'a> {
        let [idle_timeout, absolute_timeout, expires_at] = self.lifetime.parameters();
        [
            Parameter::Key(self.key),
            Parameter::Data(self.data),
            Parameter::Version(self.version),
            idle_timeout,
            absolute_timeout,
            expires_at,
        ]
        .into()
    }

    // The ordinary call decides on the rest.
    fn group(&self) -> Option<GroupKind> {
        (self.data.len() <= SaveSessions::MAX_DATA && self.lifetime.has_idle_timeout_at_most())
            .then_some(GroupKind::Save)
    }

    fn decode(reply: Reply) -> Result<SaveReply, Error> {
        let repeated = reply.is_repeated();
        // outcome, version, expires_at, server_time
        let row = reply.composite()?;
        match column(&row, 0)? {
            "saved" => Ok(SaveReply::Saved {
                version: column(&row, 1)?,
                expiry: expiry(&row, 2, 3)?,
            }),
            "same" => Ok(SaveReply::Same {
                version: column(&row, 1)?,
                expiry: expiry(&row, 2, 3)?,
                repeated,
            }),
            // The first call may have saved before the other client did.
            "conflict" if repeated => Err(Error::save_outcome_unknown()),
            "conflict" => Ok(SaveReply::Conflict),
            "gone" => Ok(SaveReply::Gone),
            _ => Err(Error::reply("save_session has another outcome")),
        }
    }
}
