//! The sessions that a thread has locked.
//!
//! Detects self-deadlock: a thread that holds a session's lock would wait for ever for the same session on a second connection.
//! The server sees two connections, one of them idle, and no deadlock.

use std::cell::RefCell;

use crate::error::Error;
use crate::functions::{Call, SchemaName, Waits};
use crate::session::SessionKey;

thread_local! {
    static HELD: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
}

/// A lock that a caller holds.
pub(crate) struct Held {
    schema: SchemaName,
    key: SessionKey,
    user_id: Option<String>,
}

/// Records that this thread holds a session's lock, until it is dropped.
pub(crate) struct HeldLock(());

impl HeldLock {
    pub(crate) fn new(schema: &SchemaName, key: SessionKey, user_id: Option<&str>) -> HeldLock {
        HELD.with_borrow_mut(|held| held.push(Held::new(schema, key, user_id)));
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
pub(crate) fn check_self_deadlock(schema: &SchemaName, call: &Call<'_>) -> Result<(), Error> {
    if !call.may_block() {
        return Ok(());
    }
    HELD.with_borrow(|held| check_held(held, schema, call))
}

/// Refuses a call that would wait for a lock that its caller holds.
pub(crate) fn check_held<'a>(
    held: impl IntoIterator<Item = &'a Held>,
    schema: &SchemaName,
    call: &Call<'_>,
) -> Result<(), Error> {
    let mut held = held.into_iter();
    if held.any(|held| held.schema == *schema && held.would_block(call.waits())) {
        Err(Error::locked_by_caller())
    } else {
        Ok(())
    }
}

impl Held {
    pub(crate) fn new(schema: &SchemaName, key: SessionKey, user_id: Option<&str>) -> Held {
        Held {
            schema: schema.clone(),
            key,
            user_id: user_id.map(ToOwned::to_owned),
        }
    }

    fn would_block(&self, waits: Waits<'_>) -> bool {
        match waits {
            Waits::Never => false,
            Waits::ForSession(key) => *key == self.key,
            Waits::ForUser { user_id, except } => {
                self.user_id.as_deref() == Some(user_id) && except != Some(&self.key)
            }
            #[cfg(feature = "admin")]
            Waits::ForAll => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::{EndUserSessions, Function};

    #[test]
    fn held_session_blocks_what_waits_for_it() {
        let (held, other) = (SessionKey::new([1; 32]), SessionKey::new([2; 32]));
        let lock = Held::new(&SchemaName::default(), held, Some("ada"));
        let user = |user_id, except| Waits::ForUser { user_id, except };
        for (waits, blocks) in [
            (Waits::Never, false),
            (Waits::ForSession(&held), true),
            (Waits::ForSession(&other), false),
            (user("ada", None), true),
            (user("ada", Some(&other)), true),
            (user("ada", Some(&held)), false),
            (user("bob", None), false),
        ] {
            assert_eq!(lock.would_block(waits), blocks);
        }
    }

    // The users of another store in the database are others, whatever their names.
    #[test]
    fn held_session_blocks_nothing_in_other_schema() {
        let (web, shop) = (SchemaName::default(), SchemaName::new("shop").unwrap());
        let lock = Held::new(&web, SessionKey::new([1; 32]), Some("ada"));
        let end = EndUserSessions::new("ada", None).unwrap().call();
        for (schema, is_refused) in [(web, true), (shop, false)] {
            assert_eq!(check_held([&lock], &schema, &end).is_err(), is_refused);
        }
    }
}
