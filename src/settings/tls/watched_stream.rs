//! The stream of a login, of which each request of the server is checked before the driver can reply.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use super::certificate_refused::certificate_refused;
use super::login_rules::{AUTHENTICATION, ERROR, LoginRules};
use super::login_watch::LoginWatch;
use crate::error::{TlsError, TlsFailure};

/// A request of the server is no longer than this.
const MAX_REQUEST: usize = 64 * 1024;

/// A stream that checks a login, and after it passes everything on.
pub(super) struct WatchedStream<S> {
    stream: S,
    can_bind: bool,
    /// None after the login.
    login: Option<Login>,
    /// What was read and not passed on. The first `checked` bytes may be passed on.
    held: Vec<u8>,
    checked: usize,
}

struct Login {
    rules: LoginRules,
    watch: LoginWatch,
}

impl<S> WatchedStream<S> {
    /// Watches a login. `can_bind` is true if the stream has what a channel binding needs.
    pub(super) fn new(stream: S, can_bind: bool, rules: LoginRules, watch: LoginWatch) -> Self {
        Self {
            stream,
            can_bind,
            login: Some(Login { rules, watch }),
            held: Vec::new(),
            checked: 0,
        }
    }

    /// Checks the messages that have arrived whole.
    fn check(&mut self) -> Result<(), TlsError> {
        while let Some(login) = &self.login {
            let rest = &self.held[self.checked..];
            let Some((&kind, after)) = rest.split_first() else {
                return Ok(());
            };
            if kind == ERROR {
                self.login = None;
                break;
            }
            if kind != AUTHENTICATION {
                return Err(malformed());
            }
            let Some((length, after)) = after.split_first_chunk() else {
                return Ok(());
            };
            // The length counts itself.
            let length = u32::from_be_bytes(*length) as usize;
            if !(8..=MAX_REQUEST).contains(&length) {
                return Err(malformed());
            }
            let Some(request) = after.get(..length - 4) else {
                return Ok(());
            };
            if login.rules.check(request, self.can_bind, &login.watch)? {
                self.login = None;
            } else {
                self.checked += 1 + length;
            }
        }
        self.checked = self.held.len();
        Ok(())
    }

    /// Passes on what may be passed on. Returns true if that was something.
    fn pass_on(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let count = self.checked.min(buffer.remaining());
        buffer.put_slice(&self.held[..count]);
        self.held.drain(..count);
        self.checked -= count;
        if self.login.is_none() && self.held.is_empty() {
            self.held = Vec::new();
        }
        count > 0
    }
}

impl Login {
    /// Returns the error of a stream that broke. After the handshake of TLS 1.3 the server can still refuse the client's
    /// certificate: it ends the connection, and its alert may be lost.
    fn broken(&self, error: io::Error) -> io::Error {
        #[cfg(feature = "tls")]
        if let Some(refusal) = super::handshake::refusal_by_server(&error) {
            return io::Error::other(refusal);
        }
        if self.watch.certificate_requested() && !self.watch.has_replied() {
            return io::Error::other(certificate_refused(&self.watch));
        }
        error
    }
}

fn malformed() -> TlsError {
    TlsError::new(
        TlsFailure::Handshake,
        "the server's request to log in is malformed",
        "is this a PostgreSQL server?",
    )
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.pass_on(buffer) || buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            let Some(login) = &this.login else {
                return Pin::new(&mut this.stream).poll_read(context, buffer);
            };
            let mut bytes = [0; 1024];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut read))
                .map_err(|error| login.broken(error))?;
            if read.filled().is_empty() {
                let ended = login.broken(io::ErrorKind::UnexpectedEof.into());
                // The driver has an error of its own for a stream that ended without a reason.
                return Poll::Ready(if ended.get_ref().is_some() {
                    Err(ended)
                } else {
                    Ok(())
                });
            }
            login.watch.set_replied();
            this.held.extend_from_slice(read.filled());
            this.check().map_err(io::Error::other)?;
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        Poll::Ready(match &self.login {
            Some(login) => result.map_err(|error| login.broken(error)),
            None => result,
        })
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(Pin::new(&mut self.stream).poll_flush(context));
        Poll::Ready(match &self.login {
            Some(login) => result.map_err(|error| login.broken(error)),
            None => result,
        })
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: TlsStream + Unpin> TlsStream for WatchedStream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}
