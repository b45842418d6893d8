use crate::error::Error;
use crate::functions::call::{Function, GroupKind};
use crate::functions::composite_value::composite;
use crate::functions::json;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::{Reply, ReplyRow, column, expiry};
use crate::session::{Expiry, Session, SessionId, SessionKey};
use serde::de::DeserializeOwned;

/// Loads a live session, and slides its expiry if `slide` is set.
pub(crate) struct LoadSession<'a> {
    pub(crate) key: &'a SessionKey,
    pub(crate) slide: bool,
}

impl<'a> Function<'a> for LoadSession<'a> {
    const STATEMENT: &'static str = composite!("{schema}.load_session_value($1, $2)");
    const CHANGES: bool = false;
    type Output = Option<LoadedSession>;

    fn parameters(&self) -> Parameters<'a> {
        [Parameter::Key(self.key), Parameter::Flag(self.slide)].into()
    }

    fn group(&self) -> Option<GroupKind> {
        Some(if self.slide {
            GroupKind::Load
        } else {
            GroupKind::Peek
        })
    }

    fn decode(reply: Reply) -> Result<Option<LoadedSession>, Error> {
        reply
            .optional_composite()?
            .map(LoadedSession::from_row)
            .transpose()
    }
}

/// A session as `load_session_value` and `lock_session` return it.
pub(crate) struct LoadedSession {
    data: StoredData,
    pub(crate) version: i64,
    pub(crate) expiry: Expiry,
    pub(crate) user_id: Option<String>,
}

/// The JSON text. It stays where the driver has put it.
enum StoredData {
    Column(ReplyRow),
    #[cfg(test)]
    Text(&'static str),
}

impl LoadedSession {
    /// Decodes the columns of a `loaded_session`.
    pub(crate) fn from_row(row: ReplyRow) -> Result<LoadedSession, Error> {
        Ok(LoadedSession {
            version: column(&row, 1)?,
            expiry: expiry(&row, 2, 4)?,
            user_id: column(&row, 3)?,
            data: StoredData::Column(row),
        })
    }

    #[cfg(test)]
    pub(crate) fn from_text(data: &'static str, version: i64) -> LoadedSession {
        LoadedSession {
            data: StoredData::Text(data),
            version,
            expiry: Expiry::NEVER,
            user_id: None,
        }
    }

    /// Decodes the data.
    pub(crate) fn into_session<T: DeserializeOwned>(
        self,
        id: SessionId,
        key: SessionKey,
    ) -> Result<Session<T>, Error> {
        let data = match &self.data {
            StoredData::Column(row) => json::decode(column(row, 0)?)?,
            #[cfg(test)]
            StoredData::Text(text) => json::decode(text)?,
        };
        Ok(Session {
            data,
            id,
            key,
            version: self.version,
            expiry: self.expiry,
            user_id: self.user_id,
            handle: None,
        })
    }
}
