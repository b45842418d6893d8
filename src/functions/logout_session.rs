use crate::error::Error;
use crate::functions::call::{Function, Locks};
use crate::functions::composite_value::composite;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::Reply;
use crate::functions::rotate_session::ChangeIdReply;
use crate::session::SessionKey;

/// Makes a session anonymous, under a new key, with the same data.
pub(crate) struct LogoutSession<'a> {
    pub(crate) old_key: &'a SessionKey,
    pub(crate) new_key: &'a SessionKey,
}

impl<'a> Function<'a> for LogoutSession<'a> {
    const STATEMENT: &'static str = composite!("{schema}.logout_session($1, $2)");
    const CHANGES: bool = true;
    const LOCKS: Locks = Locks::Session;
    type Output = ChangeIdReply;

    fn parameters(&self) -> Parameters<'a> {
        [Parameter::Key(self.old_key), Parameter::Key(self.new_key)].into()
    }

    fn decode(reply: Reply) -> Result<ChangeIdReply, Error> {
        ChangeIdReply::decode(reply)
    }
}
