use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::places::{IdleConnection, Places};
use super::queue::Purpose;
use super::waiter::Waiter;
use crate::connection::lazy_connection::LazyConnection;
use crate::functions::{Admission, GroupedCall};

/// A connection in use. Dropping it releases it.
pub(super) struct PooledConnection<'a> {
    places: &'a Places,
    purpose: Purpose,
    connection: LazyConnection,
}

impl<'a> PooledConnection<'a> {
    pub(super) fn new(
        places: &'a Places,
        purpose: Purpose,
        connection: LazyConnection,
    ) -> PooledConnection<'a> {
        PooledConnection {
            places,
            purpose,
            connection,
        }
    }

    /// Uses what was idle, or closes it if it has expired.
    pub(super) fn unless_expired(
        places: &'a Places,
        purpose: Purpose,
        idle: Option<IdleConnection>,
    ) -> PooledConnection<'a> {
        let is_expired = idle.as_ref().is_some_and(|idle| places.is_expired(idle));
        let connection = idle.map(|idle| idle.connection).unwrap_or_default();
        let mut connection = PooledConnection::new(places, purpose, connection);
        if is_expired {
            connection.discard();
        }
        connection
    }

    /// Takes the waiting calls along that `admit` admits. They are of the same purpose.
    pub(super) fn take_group(
        &self,
        mut admit: impl FnMut(&GroupedCall) -> Admission,
    ) -> Vec<Arc<Waiter>> {
        self.places.lock().take_group(self.purpose, |waiter| {
            let call = waiter.call.as_deref();
            call.map_or(Admission::Waits, &mut admit)
        })
    }

    /// Counts a group of so many calls.
    pub(super) fn count_group(&self, calls: usize) {
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        self.places.lock().count_group(calls);
    }

    /// Keeps the place in use without a connection, because the server accepts no more of them.
    pub(super) fn into_refused(mut self) -> RefusedPlace<'a> {
        self.discard();
        if self.purpose == Purpose::Blockable {
            self.places.lock().become_prompt();
            self.purpose = Purpose::Prompt;
        }
        self.places.count_refused(true);
        RefusedPlace { place: self }
    }

    /// Uses the connection for a call that may wait for a row, if one more of them is allowed.
    pub(super) fn become_blockable(&mut self) -> bool {
        let allowed = self.places.lock().become_blockable();
        if allowed {
            self.purpose = Purpose::Blockable;
        }
        allowed
    }
}

/// A place in use whose connection the server has refused.
pub(super) struct RefusedPlace<'a> {
    place: PooledConnection<'a>,
}

impl Drop for RefusedPlace<'_> {
    fn drop(&mut self) {
        self.place.places.count_refused(false);
    }
}

impl Deref for PooledConnection<'_> {
    type Target = LazyConnection;

    fn deref(&self) -> &LazyConnection {
        &self.connection
    }
}

impl DerefMut for PooledConnection<'_> {
    fn deref_mut(&mut self) -> &mut LazyConnection {
        &mut self.connection
    }
}

impl Drop for PooledConnection<'_> {
    fn drop(&mut self) {
        let connection = std::mem::take(&mut self.connection);
        self.places.release(self.purpose, connection);
    }
}
