//! A connection that listens.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;
use postgres::fallible_iterator::FallibleIterator;

use super::event::SessionEvent;
use super::reconnect::{MAX_SILENCE, Reconnects};
use super::session_ended::SessionEnded;
use crate::connection::{Connector, close_off_runtime, query_blocking};
use crate::error::Error;
use crate::functions::{Function, NotifyChannel, Reply, SchemaName, quote};
use crate::runtime::async_context;

/// Receives events of sessions that end, on a connection of its own. [`Store::listen`](crate::Store::listen) returns one.
///
/// Use it for what outlives a request, above all web sockets. Keep the session's [handle](crate::Session::handle) with the
/// socket, and close the socket when the session ends. An event arrives after the commit that ended the session, usually within
/// milliseconds. An expired session is reported when it is pruned.
///
/// Events are not guaranteed: the connection may be down, which [`SessionEvent::Lagged`] reports, and every role of the database
/// may notify on every channel. So events close sockets sooner, but each request must still load its session.
///
/// Dropping the listener closes the connection; that is safe inside an async runtime.
pub struct SessionListener {
    connector: Arc<Connector>,
    schema: SchemaName,
    open: Option<OpenListener>,
    reconnects: Reconnects,
}

struct OpenListener {
    client: Client,
    channel: String,
    last_heard: Instant,
}

impl SessionListener {
    pub(super) fn start(
        connector: Arc<Connector>,
        schema: SchemaName,
    ) -> Result<SessionListener, Error> {
        let mut listener = SessionListener {
            connector,
            schema,
            open: None,
            reconnects: Reconnects::default(),
        };
        async_context::run_blocking(|| listener.connect())?;
        Ok(listener)
    }

    /// Waits for the next event. Returns None if there is none within `timeout`.
    ///
    /// If the connection is lost, the listener connects again, with pauses, as often as `timeout` allows. It then returns
    /// [`SessionEvent::Lagged`], since events may have been lost. It checks the connection after 30 seconds without an event.
    ///
    /// # Errors
    ///
    /// The [errors of every call](crate::Store#errors), after `timeout` where a retry may help; and the store
    /// [sends no notifications](Error::is_notifications_off) any more. The listener can be used again after an error.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<SessionEvent>, Error> {
        async_context::refuse()?;
        let end = Instant::now().checked_add(timeout);
        loop {
            let left = end.map_or(timeout, |end| end.saturating_duration_since(Instant::now()));
            let error = match self.recv_once(left) {
                Ok(None) if !left.is_zero() => continue,
                Ok(event) => return Ok(event),
                Err(error) => error,
            };
            self.close();
            if left.is_zero() || !error.is_unavailable() {
                return Err(error);
            }
        }
    }

    /// Waits for at most `timeout`. It may return None sooner.
    fn recv_once(&mut self, timeout: Duration) -> Result<Option<SessionEvent>, Error> {
        let Some(open) = &mut self.open else {
            thread::sleep(self.reconnects.next_pause().min(timeout));
            self.connect()?;
            return Ok(Some(SessionEvent::Lagged));
        };
        let silence = open.last_heard.elapsed();
        if silence >= MAX_SILENCE {
            let channel = open.current_channel(&self.schema)?;
            self.reconnects.answered();
            if channel == open.channel {
                open.last_heard = Instant::now();
            } else {
                // The next turn connects, listens to the new channel, and reports the gap.
                self.close();
            }
            return Ok(None);
        }
        let time = timeout.min(MAX_SILENCE.saturating_sub(silence));
        let received = open.client.notifications().timeout_iter(time).next();
        let Some(notification) = received.map_err(Error::call)? else {
            return Ok(None);
        };
        open.last_heard = Instant::now();
        self.reconnects.answered();
        Ok(SessionEnded::from_payload(notification.payload()).map(SessionEvent::Ended))
    }

    fn connect(&mut self) -> Result<(), Error> {
        let mut open = OpenListener {
            client: self.connector.connect()?,
            channel: String::new(),
            last_heard: Instant::now(),
        };
        open.channel = open.current_channel(&self.schema)?;
        // LISTEN acts on the connection, so a function of the store cannot do it for the caller.
        open.client
            .batch_execute(&format!("listen {}", quote(&open.channel)))
            .map_err(Error::call)?;
        self.open = Some(open);
        Ok(())
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            close_off_runtime(open.client);
        }
    }
}

impl OpenListener {
    fn current_channel(&mut self, schema: &SchemaName) -> Result<String, Error> {
        let rows =
            query_blocking(&mut self.client, schema, &NotifyChannel.call()).map_err(Error::call)?;
        NotifyChannel::decode(Reply::new(rows))?.ok_or_else(Error::notifications_off)
    }
}

impl Drop for SessionListener {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for SessionListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionListener")
            .field("channel", &self.open.as_ref().map(|open| &open.channel))
            .finish_non_exhaustive()
    }
}
