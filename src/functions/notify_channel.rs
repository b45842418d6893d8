use crate::error::Error;
use crate::functions::call::Function;
use crate::functions::parameter::Parameters;
use crate::functions::reply::Reply;

/// Returns the channel on which the store announces that sessions end, or `None` if it does not.
pub(crate) struct NotifyChannel;

impl<'a> Function<'a> for NotifyChannel {
    const STATEMENT: &'static str = "select {schema}.notify_channel()";
    const CHANGES: bool = false;
    type Output = Option<String>;

    fn parameters(&self) -> Parameters<'a> {
        [].into()
    }

    fn decode(reply: Reply) -> Result<Option<String>, Error> {
        reply.value()
    }
}
