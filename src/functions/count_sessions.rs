use crate::error::Error;
use crate::functions::call::Function;
use crate::functions::parameter::Parameters;
use crate::functions::reply::{Reply, count};

/// Counts the live sessions.
pub(crate) struct CountSessions;

impl<'a> Function<'a> for CountSessions {
    const STATEMENT: &'static str = "select {schema}.count_sessions()";
    const CHANGES: bool = false;
    const SCANS: bool = true;
    type Output = u32;

    fn parameters(&self) -> Parameters<'a> {
        [].into()
    }

    fn decode(reply: Reply) -> Result<u32, Error> {
        let row = reply.row()?;
        count(&row, 0)
    }
}
