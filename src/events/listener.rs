use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;
use postgres::fallible_iterator::FallibleIterator;

use crate::connection::Call;
use crate::connection::Connector;
use crate::connection::close_off_runtime;
use crate::error::Error;
use crate::events::{ListenerThread, SessionEnded, SessionEvent};
use crate::functions::Function;
use crate::functions::{SchemaName, quote};
use crate::runtime::{async_context, random_delay};

/// After so long a silence the server is asked whether it is still there, and whether the channel is still the same.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);
/// The longest pause between two tries to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Hears of sessions that end, on a connection of its own. From [`Store::listen`](crate::Store::listen).
///
/// For what outlives a request, above all web sockets: keep the session's [handle](crate::Session::handle) with the socket, and close
/// it when its session ends. An expired session is heard of when it is pruned. That a session was ended is heard of after the commit,
/// usually within milliseconds, and never before.
///
/// Nothing is certain about it: the connection may be down ([`SessionEvent::Missed`] tells), and any role of the database may send to
/// any channel. It closes sockets sooner; it does not replace loading the session with each request.
///
/// Dropping it closes the connection; that is safe inside an async runtime.
pub struct SessionListener {
    connector: Arc<Connector>,
    schema: SchemaName,
    open: Option<Listening>,
}

struct Listening {
    client: Client,
    channel: String,
    heard_at: Instant,
}

impl SessionListener {
    pub(crate) fn start(
        connector: Arc<Connector>,
        schema: SchemaName,
    ) -> Result<SessionListener, Error> {
        let mut listener = SessionListener {
            connector,
            schema,
            open: None,
        };
        async_context::block(|| listener.connect())?;
        Ok(listener)
    }

    /// Waits for the next event, up to `timeout`; then `None`.
    ///
    /// A connection that is lost is made again, with pauses, as often as the time allows; the event is [`SessionEvent::Missed`]
    /// then, since nobody knows what ended meanwhile. It is also looked after in silence, every 30 seconds.
    ///
    /// # Errors
    ///
    /// The [errors of every call](crate::Store#errors), after `timeout` where waiting may help; and that the store
    /// [notifies nobody](Error::is_notifications_off) any more. After an error it can be called again.
    pub fn wait(&mut self, timeout: Duration) -> Result<Option<SessionEvent>, Error> {
        async_context::refuse()?;
        let end = Instant::now().checked_add(timeout);
        let mut failures = 0;
        loop {
            let left = end.map_or(timeout, |end| end.saturating_duration_since(Instant::now()));
            let was_open = self.open.is_some();
            let error = match self.wait_once(left) {
                Ok(None) if !left.is_zero() => continue,
                Ok(event) => return Ok(event),
                Err(error) => error,
            };
            self.close();
            if left.is_zero() || !error.is_unavailable() {
                return Err(error);
            }
            if !was_open {
                let pause = Duration::from_millis(100 << failures.min(6)).min(LONGEST_PAUSE);
                thread::sleep((pause / 2 + random_delay::up_to(pause / 2)).min(left));
                failures += 1;
            }
        }
    }

    /// Waits on a thread of its own from now on, and calls `hear` there with each event and each error, until the
    /// returned [`ListenerThread`] is dropped.
    ///
    /// After an error it tries again, sooner or later, until it succeeds.
    ///
    /// # Errors
    ///
    /// Returns an error if the operating system refuses a thread.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use connect_pg::{SessionEvent, Store};
    ///
    /// # fn close_sockets(_: Option<uuid::Uuid>) {}
    /// # fn check_sockets() {}
    /// # fn main() -> Result<(), connect_pg::Error> {
    /// let store = Store::connect("postgresql://nodepg@localhost/app")?;
    /// let watcher = store.listen()?.spawn(|event| match event {
    ///     Ok(SessionEvent::Ended(ended)) => close_sockets(ended.handle()),
    ///     Ok(_) => check_sockets(), // something was missed
    ///     Err(error) => eprintln!("listening: {error}"),
    /// })?;
    /// // … serve …
    /// drop(watcher);
    /// # Ok(())
    /// # }
    /// ```
    pub fn spawn(
        self,
        hear: impl FnMut(Result<SessionEvent, Error>) + Send + 'static,
    ) -> Result<ListenerThread, Error> {
        ListenerThread::start(self, hear)
    }

    /// `None` is silence for some time, up to `timeout`.
    fn wait_once(&mut self, timeout: Duration) -> Result<Option<SessionEvent>, Error> {
        let Some(open) = &mut self.open else {
            self.connect()?;
            return Ok(Some(SessionEvent::Missed));
        };
        let silence = open.heard_at.elapsed();
        if silence >= LONGEST_SILENCE {
            if open.ask_for_channel(&self.schema)? == open.channel {
                open.heard_at = Instant::now();
                return Ok(None);
            }
            // The other channel is listened to as if the connection had been lost.
            self.close();
            return Ok(None);
        }
        let time = timeout.min(LONGEST_SILENCE.saturating_sub(silence));
        let heard = open.client.notifications().timeout_iter(time).next();
        let Some(notification) = heard.map_err(Error::call)? else {
            return Ok(None);
        };
        open.heard_at = Instant::now();
        Ok(SessionEnded::from_payload(notification.payload()).map(SessionEvent::Ended))
    }

    fn connect(&mut self) -> Result<(), Error> {
        let mut open = Listening {
            client: self.connector.connect()?,
            channel: String::new(),
            heard_at: Instant::now(),
        };
        open.channel = open.ask_for_channel(&self.schema)?;
        // The one statement of this library that calls no function. LISTEN acts on the connection, takes its channel as an
        // identifier and no parameter, and cannot be wrapped: a definer's function must not choose what its caller hears.
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

impl Listening {
    fn ask_for_channel(&mut self, schema: &SchemaName) -> Result<String, Error> {
        let call = Call {
            function: Function::NotifyChannel,
            schema,
            parameters: &[],
        };
        let row = self
            .client
            .query_typed(&call.sql(), &[])
            .map_err(Error::call)?
            .into_iter()
            .next()
            .ok_or_else(|| Error::answer("no row"))?;
        row.try_get::<_, Option<String>>(0)
            .map_err(Error::column)?
            .ok_or_else(Error::notifications_off)
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
