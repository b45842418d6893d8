//! A connection that listens, as a stream of events.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client, Connection, Socket};

use super::open_connection::current_runtime;
use super::owned_task::OwnedTask;
use super::store::Store;
use crate::connection::{Connector, query_unnamed};
use crate::error::Error;
use crate::events::{MAX_SILENCE, Reconnects, SessionEnded, SessionEvent};
use crate::functions::{Function, NotifyChannel, Reply, SchemaName, quote};
use crate::settings::SecureStream;

/// The events that wait for the application. Further ones are dropped and reported as [`SessionEvent::Lagged`].
const MAX_WAITING: usize = 1024;

type Event = Result<SessionEvent, Error>;

/// A stream of events of sessions that end, on a connection of its own. [`Store::listen`] returns one.
///
/// Use it for what outlives a request, above all web sockets: see the synchronous
/// [`SessionListener`](crate::SessionListener). The stream does not end. If the connection is lost, the listener connects again
/// and returns [`SessionEvent::Lagged`], since events may have been lost. It does so too if more than 1000 events wait to be
/// received. Each attempt to connect that fails is an error in the stream, with growing pauses; the listener goes on.
///
/// Dropping the listener closes the connection.
pub struct SessionListener {
    events: mpsc::Receiver<Event>,
    _task: OwnedTask,
}

impl Store {
    /// Listens on a connection of its own for sessions that end, so that open web sockets can be closed.
    ///
    /// The store sends no notifications by default; `session-admin configure notify_channel=NAME` turns them on. Sessions that
    /// end after this call has returned are received. Notifications do not pass a transaction pooler; connect straight to the
    /// server.
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): the store [sends no notifications](Error::is_notifications_off).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use connect_pg::SessionEvent;
    /// use connect_pg::tokio::Store;
    ///
    /// # fn close_sockets(_: Option<uuid::Uuid>) {}
    /// # fn check_sockets() {}
    /// # async fn listen(store: &Store) -> Result<(), connect_pg::Error> {
    /// let mut listener = store.listen().await?;
    /// loop {
    ///     match listener.recv().await {
    ///         Ok(SessionEvent::Ended(ended)) => close_sockets(ended.handle()), // None: all sessions
    ///         Ok(_) => check_sockets(), // events may have been lost
    ///         Err(error) => eprintln!("listening: {error}"),
    ///     }
    /// }
    /// # }
    /// ```
    pub async fn listen(&self) -> Result<SessionListener, Error> {
        let mut listening = Listening {
            connector: self.connector(),
            schema: self.schema.clone(),
            open: None,
            reconnects: Reconnects::default(),
        };
        listening.connect().await?;
        let (sender, events) = mpsc::channel(MAX_WAITING);
        Ok(SessionListener {
            events,
            _task: OwnedTask::spawn(listening.run(sender))?,
        })
    }
}

impl SessionListener {
    /// Waits for the next event. A future that is dropped loses none.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors), and the store [sends no notifications](Error::is_notifications_off) any more.
    /// The listener can be used again after an error.
    pub async fn recv(&mut self) -> Result<SessionEvent, Error> {
        let event = self.events.recv().await;
        event.unwrap_or_else(|| Err(Error::no_runtime()))
    }
}

/// Ends if the runtime in which the listener was made shuts down.
impl Stream for SessionListener {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.events.poll_recv(context)
    }
}

impl fmt::Debug for SessionListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionListener").finish_non_exhaustive()
    }
}

/// What the listener's task does.
struct Listening {
    connector: Arc<Connector>,
    schema: SchemaName,
    open: Option<OpenListener>,
    reconnects: Reconnects,
}

struct OpenListener {
    client: Client,
    channel: String,
    payloads: mpsc::UnboundedReceiver<String>,
}

impl Listening {
    async fn run(mut self, events: mpsc::Sender<Event>) {
        loop {
            match self.next().await {
                Ok(None) => {}
                Ok(Some(event)) => send(&events, Ok(event)),
                Err(error) => {
                    let was_open = self.open.take().is_some();
                    // A lost connection is reported when it is replaced, or cannot be.
                    if !was_open || !error.is_unavailable() {
                        send(&events, Err(error));
                    }
                }
            }
        }
    }

    /// Waits for the next event. It may return None sooner.
    async fn next(&mut self) -> Result<Option<SessionEvent>, Error> {
        let Some(open) = &mut self.open else {
            sleep(self.reconnects.next_pause()).await;
            self.connect().await?;
            return Ok(Some(SessionEvent::Lagged));
        };
        match timeout(MAX_SILENCE, open.payloads.recv()).await {
            Ok(Some(payload)) => {
                self.reconnects.answered();
                return Ok(SessionEnded::from_payload(&payload).map(SessionEvent::Ended));
            }
            // The connection is lost.
            Ok(None) => self.open = None,
            // The question also finds a broken connection.
            Err(_) => {
                let channel = current_channel(&open.client, &self.schema).await?;
                self.reconnects.answered();
                if channel != open.channel {
                    // The next turn connects, listens to the new channel, and reports the gap.
                    self.open = None;
                }
            }
        }
        Ok(None)
    }

    async fn connect(&mut self) -> Result<(), Error> {
        let runtime = current_runtime()?;
        let (sender, payloads) = mpsc::unbounded_channel();
        let drive = |connection| {
            runtime.spawn(drive(connection, sender.clone()));
        };
        let client = self.connector.connect_async(&drive).await?;
        let channel = current_channel(&client, &self.schema).await?;
        // LISTEN acts on the connection, so a function of the store cannot do it for the caller.
        client
            .batch_execute(&format!("listen {}", quote(&channel)))
            .await
            .map_err(Error::call)?;
        self.open = Some(OpenListener {
            client,
            channel,
            payloads,
        });
        Ok(())
    }
}

/// Drives a connection until its client is dropped, and passes on what is notified.
async fn drive(
    mut connection: Connection<Socket, SecureStream>,
    payloads: mpsc::UnboundedSender<String>,
) {
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(notification) = message {
            let _ = payloads.send(notification.payload().to_owned());
        }
    }
}

async fn current_channel(client: &Client, schema: &SchemaName) -> Result<String, Error> {
    let rows = query_unnamed(client, schema, &NotifyChannel.call())
        .await
        .map_err(Error::call)?;
    NotifyChannel::decode(Reply::new(rows))?.ok_or_else(Error::notifications_off)
}

/// Passes an event to the application. The last free place is for the report that events were dropped, so a full queue
/// ends with that report.
fn send(events: &mpsc::Sender<Event>, event: Event) {
    let event = if events.capacity() > 1 {
        event
    } else {
        Ok(SessionEvent::Lagged)
    };
    let _ = events.try_send(event);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive_all(receiver: &mut mpsc::Receiver<Event>) -> Vec<SessionEvent> {
        std::iter::from_fn(|| receiver.try_recv().ok())
            .map(Result::unwrap)
            .collect()
    }

    fn ended() -> SessionEvent {
        let payload = r#"{"handle":null,"reason":"logout"}"#;
        SessionEvent::Ended(SessionEnded::from_payload(payload).unwrap())
    }

    #[test]
    fn events_beyond_the_queue_are_reported_once_and_later_ones_arrive() {
        let (sender, mut receiver) = mpsc::channel(4);
        for _ in 0..10 {
            send(&sender, Ok(ended()));
        }
        let events = receive_all(&mut receiver);
        assert_eq!(events.len(), 4);
        assert_eq!(events[3], SessionEvent::Lagged);
        assert!(!events[..3].contains(&SessionEvent::Lagged));
        send(&sender, Ok(ended()));
        assert_eq!(receive_all(&mut receiver).len(), 1);

        // After one event was received, a report follows those that were dropped since.
        for _ in 0..10 {
            send(&sender, Ok(ended()));
        }
        receiver.try_recv().unwrap().unwrap();
        send(&sender, Ok(ended()));
        let events = receive_all(&mut receiver);
        assert_eq!(events.last(), Some(&SessionEvent::Lagged));
    }
}
