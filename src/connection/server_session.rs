//! What a new connection leads to: a process of the server, or a pooler that lends one to each transaction.

use std::fmt::Write;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_postgres::{Client, SimpleQueryMessage};

/// The longest wait for a lock, if neither the role nor the connection string limits it.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The process that serves the connection, and the timeouts that are set.
const FACTS: &str = "select pg_catalog.pg_backend_pid(), pg_catalog.current_setting('statement_timeout'), \
    pg_catalog.current_setting('lock_timeout')";

/// The server's side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerSession {
    /// The process that serves this connection is the one that accepted it, so named statements and settings are its own.
    pub(crate) is_direct: bool,
    /// The `statement_timeout` that this connection has set.
    pub(crate) statement_timeout: Option<Duration>,
}

impl ServerSession {
    /// Finds out where a new connection leads to, and sets its timeouts unless the role or the connection string has.
    ///
    /// A pooler announces a process id of its own at the login. There a setting would stay with a process that serves others next.
    /// So nothing is sent there that a pooler could take for one.
    pub(super) async fn set_up(
        client: &Client,
        statement_timeout: Duration,
    ) -> Result<ServerSession, tokio_postgres::Error> {
        let announced = announced_process(client).await;
        let rows = client.simple_query(FACTS).await?;
        let row = rows.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        // A false server may send other columns.
        let column = |at| row.and_then(|row| row.try_get(at).ok().flatten());
        let process: Option<i32> = column(0).and_then(|text| text.parse().ok());
        let mut session = ServerSession {
            is_direct: announced.is_some() && announced == process,
            statement_timeout: None,
        };
        let is_unset = |at| column(at) == Some("0");
        let mut settings = String::new();
        if session.is_direct && is_unset(1) {
            session.statement_timeout = Some(statement_timeout);
            set(&mut settings, "statement_timeout", statement_timeout);
        }
        if session.is_direct && is_unset(2) {
            set(&mut settings, "lock_timeout", LOCK_TIMEOUT);
        }
        if !settings.is_empty() {
            client.batch_execute(&settings).await?;
        }
        Ok(session)
    }
}

fn set(sql: &mut String, name: &str, time: Duration) {
    let milliseconds = time.as_millis().clamp(1, 2_147_483_647);
    let _ = write!(sql, "set {name} = {milliseconds}; ");
}

/// Returns the process id that the server announced at the login. The driver shows it in the request to cancel a call only.
async fn announced_process(client: &Client) -> Option<i32> {
    let captured = Capture::default();
    let request = Arc::clone(&captured.request);
    let token = client.cancel_token();
    token.cancel_query_raw(captured, Accept).await.ok()?;
    let request = request.lock().unwrap_or_else(PoisonError::into_inner);
    // Length, code, process, secret key, of 4 bytes each. (Protocol, 55.7 "Message Formats", CancelRequest)
    let process = request.get(8..12)?.try_into().ok()?;
    Some(i32::from_be_bytes(process))
}

/// A stream that keeps the last message written to it.
#[derive(Default)]
struct Capture {
    request: Arc<Mutex<Vec<u8>>>,
}

/// The encryption of a stream that leads nowhere.
struct Accept;

impl TlsConnect<Capture> for Accept {
    type Stream = Capture;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Capture>>;

    fn connect(self, stream: Capture) -> Self::Future {
        std::future::ready(Ok(stream))
    }
}

impl TlsStream for Capture {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Capture {
    /// Agrees to encrypt.
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buffer.put_slice(b"S");
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Capture {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut request = self.request.lock().unwrap_or_else(PoisonError::into_inner);
        request.clear();
        request.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
