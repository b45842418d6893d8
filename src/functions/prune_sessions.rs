use crate::error::Error;
use crate::functions::call::Function;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::{Reply, column, count};

/// Prunes one batch of sessions that are no longer live.
pub(crate) struct PruneSessions {
    max_rows: i32,
}

/// What `prune_sessions` returned.
pub(crate) struct PruneReply {
    /// True if another client was pruning.
    pub(crate) busy: bool,
    pub(crate) deleted: u32,
    pub(crate) rescheduled: u32,
}

impl PruneSessions {
    pub(crate) fn new(max_rows: u32) -> Result<PruneSessions, Error> {
        match i32::try_from(max_rows) {
            Ok(max_rows) if max_rows > 0 => Ok(PruneSessions { max_rows }),
            _ => Err(Error::argument("a batch must have 1 to 2147483647 rows")),
        }
    }
}

impl<'a> Function<'a> for PruneSessions {
    const STATEMENT: &'static str =
        "select outcome, deleted, rescheduled from {schema}.prune_sessions($1)";
    const CHANGES: bool = true;
    type Output = PruneReply;

    fn parameters(&self) -> Parameters<'a> {
        [Parameter::Integer(Some(self.max_rows))].into()
    }

    fn decode(reply: Reply) -> Result<PruneReply, Error> {
        let row = reply.row()?;
        let busy = match column(&row, 0)? {
            "pruned" => false,
            "busy" => true,
            _ => return Err(Error::reply("prune_sessions has another outcome")),
        };
        Ok(PruneReply {
            busy,
            deleted: count(&row, 1)?,
            rescheduled: count(&row, 2)?,
        })
    }
}
