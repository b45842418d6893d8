use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::Row;

use crate::error::Error;
use crate::functions::call::Function;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::{Reply, column};

/// Loads the sessions of many keys, as far as that writes nothing. For other keys call `load_session_value`.
pub(crate) struct LoadSessions<'a> {
    pub(crate) keys: &'a [&'a [u8]],
    pub(crate) slide: bool,
}

impl<'a> Function<'a> for LoadSessions<'a> {
    // The columns of load_session_value at its positions, so that its decoder reads them.
    const STATEMENT: &'static str = "select data, version, expires_at, user_id, server_time, key \
        from {schema}.load_sessions($1, $2)";
    const CHANGES: bool = false;
    /// By key, each a row as `load_session_value` returns it.
    type Output = HashMap<Vec<u8>, Arc<Row>>;

    fn parameters(&self) -> Parameters<'a> {
        [Parameter::Keys(self.keys), Parameter::Flag(self.slide)].into()
    }

    fn decode(reply: Reply) -> Result<Self::Output, Error> {
        reply
            .into_shared_rows()
            .into_iter()
            .map(|row| Ok((column(&*row, 5)?, row)))
            .collect()
    }
}
