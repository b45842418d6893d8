use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::Row;

use crate::error::Error;
use crate::functions::call::Function;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::{Reply, column};

/// Saves the data of many sessions, as far as that waits for no lock. For other sessions call `save_session`.
pub(crate) struct SaveSessions<'a> {
    pub(crate) keys: &'a [&'a [u8]],
    pub(crate) data: &'a [&'a str],
    /// Of each the expected version, if there is one.
    pub(crate) versions: &'a [Option<i64>],
    /// Of each the idle timeout that it must have, if there is one.
    pub(crate) idle_timeout_seconds: &'a [Option<i32>],
}

impl SaveSessions<'_> {
    /// `save_sessions` does not save more, in bytes.
    pub(crate) const MAX_DATA: usize = 8192;
}

impl<'a> Function<'a> for SaveSessions<'a> {
    // The columns of save_session at its positions, so that its decoder reads them.
    const STATEMENT: &'static str = "select 'saved' as outcome, version, expires_at, server_time, ordinality \
        from {schema}.save_sessions($1, $2, $3, $4)";
    const CHANGES: bool = true;
    /// By position in the arguments, from 0. Each is a row as `save_session` returns it.
    type Output = HashMap<usize, Arc<Row>>;

    fn parameters(&self) -> Parameters<'a> {
        [
            Parameter::Keys(self.keys),
            Parameter::DataOfMany(self.data),
            Parameter::Versions(self.versions),
            Parameter::Integers(self.idle_timeout_seconds),
        ]
        .into()
    }

    fn decode(reply: Reply) -> Result<Self::Output, Error> {
        reply
            .into_shared_rows()
            .into_iter()
            .map(|row| {
                let ordinality: i64 = column(&*row, 4)?;
                let position = usize::try_from(ordinality - 1)
                    .map_err(|_| Error::reply("a position that was not asked for"))?;
                Ok((position, row))
            })
            .collect()
    }
}
