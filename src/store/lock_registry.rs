//! Which sessions this thread has locked.
//!
//! Whoever locks a session and, while he holds it, waits for it on another connection, waits for himself: the server sees two
//! connections, one of them idle, and no deadlock. The lock would last until the process ends. Where it is the same thread, we
//! can see it and refuse.

use std::cell::RefCell;

use crate::connection::Call;
use crate::error::Error;
use crate::functions::Function;
use crate::functions::Parameter;
use crate::session::SessionKey;

thread_local! {
    static HELD: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
}

struct Held {
    key: SessionKey,
    user_id: Option<String>,
}

/// This thread holds the lock of a session, until this is dropped.
pub(crate) struct HeldLock(());

impl HeldLock {
    pub(crate) fn new(key: SessionKey, user_id: Option<&str>) -> HeldLock {
        let user_id = user_id.map(ToOwned::to_owned);
        HELD.with_borrow_mut(|held| held.push(Held { key, user_id }));
        HeldLock(())
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        // They nest, so the last one taken is this one.
        HELD.with_borrow_mut(Vec::pop);
    }
}

/// Refuses a call that would wait for a session that this thread has locked.
pub(crate) fn refuse(call: &Call<'_>) -> Result<(), Error> {
    let waits = HELD.with_borrow(|held| held.iter().any(|held| held.stops(call)));
    if waits {
        Err(Error::locked_by_this_thread())
    } else {
        Ok(())
    }
}

impl Held {
    fn stops(&self, call: &Call<'_>) -> bool {
        let mut parameters = call.parameters.iter();
        let is_our_user = |parameter: Option<&Parameter<'_>>| match (parameter, &self.user_id) {
            (Some(Parameter::Text(Some(user_id))), Some(ours)) => user_id == ours,
            _ => false,
        };
        let is_our_key = |parameter: Option<&Parameter<'_>>| match parameter {
            Some(Parameter::Key(key) | Parameter::OptionalKey(Some(key))) => **key == self.key,
            _ => false,
        };
        match call.function {
            Function::EndSession
            | Function::LockSession
            | Function::LoginSession
            | Function::LogoutSession
            | Function::RotateSession
            | Function::SaveSession => is_our_key(parameters.next()),
            // Which of the user's sessions the handle means is not known here.
            Function::EndUserSession => is_our_user(parameters.next()),
            Function::EndUserSessions => {
                is_our_user(parameters.next()) && !is_our_key(parameters.next())
            }
            // These wait for no row.
            Function::CountSessions
            | Function::CreateSession
            | Function::LoadSession
            | Function::NotifyChannel
            | Function::PruneSessions
            | Function::SessionInfo
            | Function::TouchSession
            | Function::UserSessions => false,
        }
    }
}
