use crate::error::Error;
use crate::functions::attribute_parameters::AttributeParameters;
use crate::functions::call::{Function, Locks};
use crate::functions::composite_value::composite;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::Reply;
use crate::functions::rotate_session::ChangeIdReply;
use crate::session::SessionKey;

/// Makes a session the user's, under a new key.
pub(crate) struct LoginSession<'a> {
    pub(crate) old_key: &'a SessionKey,
    pub(crate) new_key: &'a SessionKey,
    pub(crate) attributes: AttributeParameters<'a>,
}

impl<'a> Function<'a> for LoginSession<'a> {
    // By name, because the parameters come in the order of create_session.
    const STATEMENT: &'static str = composite!(
        "{schema}.login_session(p_old_key => $1, p_new_key => $2, \
        p_idle_timeout_seconds => $3, p_absolute_timeout_seconds => $4, p_user_id => $5, \
        p_client_address => $6, p_user_agent => $7, p_label => $8, p_max_sessions => $9, p_expires_at => $10)"
    );
    const CHANGES: bool = true;
    const LOCKS: Locks = Locks::Session;
    type Output = ChangeIdReply;

    fn parameters(&self) -> Parameters<'a> {
        self.attributes
            .after(Parameter::Key(self.old_key), Parameter::Key(self.new_key))
            .into()
    }

    fn decode(reply: Reply) -> Result<ChangeIdReply, Error> {
        ChangeIdReply::decode(reply)
    }
}
