use crate::error::Error;
use crate::functions::call::{Function, Locks};
use crate::functions::parameter::Parameters;
use crate::functions::reply::Reply;

/// Ends every live session of the store. Returns how many there were. For administrators.
pub(crate) struct EndAllSessions;

impl<'a> Function<'a> for EndAllSessions {
    const STATEMENT: &'static str = "select {schema}.end_all_sessions()";
    const CHANGES: bool = true;
    const LOCKS: Locks = Locks::All;
    type Output = u64;

    fn parameters(&self) -> Parameters<'a> {
        [].into()
    }

    fn decode(reply: Reply) -> Result<u64, Error> {
        let count: i64 = reply.value()?;
        u64::try_from(count).map_err(|_| Error::reply("a negative number of rows"))
    }
}
