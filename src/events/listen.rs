//! The method of a store that listens.

use super::listener::SessionListener;
use crate::error::Error;
use crate::store::Store;

impl Store {
    /// Listens on a connection of its own for sessions that end, so that open web sockets can be closed.
    ///
    /// The store sends no notifications by default; `session-admin configure notify_channel=NAME` turns them on. Sessions that
    /// end after this call has returned are received by [`SessionListener::recv_timeout`] or, on a thread, by
    /// [`SessionListener::spawn`]. Notifications do not pass a transaction pooler; connect straight to the server.
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): the store [sends no notifications](Error::is_notifications_off).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use connect_pg::{SessionEvent, Store};
    ///
    /// # fn close_sockets(_: Option<uuid::Uuid>) {}
    /// # fn check_sockets() {}
    /// # fn main() -> Result<(), connect_pg::Error> {
    /// let store = Store::connect("postgresql://nodepg@localhost/app")?;
    /// let mut listener = store.listen()?;
    /// loop {
    ///     match listener.recv_timeout(Duration::from_secs(60))? {
    ///         Some(SessionEvent::Ended(ended)) => close_sockets(ended.handle()), // None: all sessions
    ///         Some(_) => check_sockets(), // events may have been lost
    ///         None => {} // a minute without events
    ///     }
    /// }
    /// # }
    /// ```
    pub fn listen(&self) -> Result<SessionListener, Error> {
        SessionListener::start(self.connector(), self.schema_name().clone())
    }
}
