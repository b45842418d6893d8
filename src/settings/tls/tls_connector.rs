//! The connector of this library: for both drivers, with and without TLS.

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::pin::Pin;
#[cfg(feature = "tls")]
use std::sync::Arc;

use tokio_postgres::Socket;
use tokio_postgres::config::{ChannelBinding, Config, SslMode as DriverMode, SslNegotiation};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect, TlsStream};

use super::custom_connector::CustomConnector;
#[cfg(feature = "tls")]
use super::handshake::RustlsHandshake;
use super::login_rules::LoginRules;
use super::login_watch::LoginWatch;
use super::negotiation::request_tls;
use super::plain_stream::PlainStream;
use super::secure_stream::SecureStream;
use super::transport::Transport;
use super::watched_stream::WatchedStream;
use crate::error::{TlsError, TlsFailure};

/// Negotiates TLS with a server and watches the login.
///
/// The driver hands over the socket before anything is sent, as for `sslnegotiation=direct`: see [`prepare`](Self::prepare).
#[derive(Clone)]
pub(crate) struct TlsConnector {
    pub(in crate::settings) transport: Transport,
    /// The name that the certificate must have. None: what the driver passes.
    pub(in crate::settings) name: Option<String>,
    /// These hosts have no TLS.
    pub(in crate::settings) plain_names: Vec<String>,
    pub(in crate::settings) handshake: Handshake,
    /// The handshake begins without a request.
    pub(in crate::settings) direct: bool,
    pub(in crate::settings) rules: LoginRules,
    pub(in crate::settings) watch: LoginWatch,
}

/// What makes the TLS handshake.
#[derive(Clone)]
pub(in crate::settings) enum Handshake {
    /// No attempt has TLS.
    None,
    #[cfg(feature = "tls")]
    Rustls(Arc<RustlsHandshake>),
    Custom(CustomConnector),
}

type BoxError = Box<dyn StdError + Send + Sync>;

impl TlsConnector {
    /// Returns a connector that is never used, because the driver asks for no TLS.
    pub(super) fn plain() -> TlsConnector {
        TlsConnector {
            transport: Transport::Plain,
            name: None,
            plain_names: Vec::new(),
            handshake: Handshake::None,
            direct: false,
            rules: LoginRules {
                require_auth: None,
                channel_binding: ChannelBinding::Prefer,
            },
            watch: LoginWatch::default(),
        }
    }

    /// Makes the driver leave the negotiation to this connector. Not for sockets, which have no TLS.
    pub(super) fn prepare(config: &mut Config) {
        config
            .ssl_mode(DriverMode::Require)
            .ssl_negotiation(SslNegotiation::Direct);
    }

    async fn connect(self, domain: String, mut socket: Socket) -> Result<SecureStream, BoxError> {
        self.watch.begin();
        let name = self.name.clone().unwrap_or(domain);
        let transport = if self.plain_names.contains(&name) {
            Transport::Plain
        } else {
            self.transport
        };
        let offered = match transport {
            Transport::Plain => false,
            Transport::TlsIfOffered | Transport::Tls if self.direct => true,
            Transport::TlsIfOffered | Transport::Tls => request_tls(&mut socket).await?,
        };
        if !offered {
            if transport == Transport::Tls {
                return Err(not_offered().into());
            }
            return Ok(self.watched(PlainStream(socket), false));
        }
        self.watch.set_tls();
        match &self.handshake {
            Handshake::None => Err(not_offered().into()),
            #[cfg(feature = "tls")]
            Handshake::Rustls(handshake) => {
                let stream = handshake.connect(&name, socket, &self.watch).await?;
                let can_bind = stream.can_bind();
                Ok(self.watched(stream, can_bind))
            }
            Handshake::Custom(connector) => {
                let connected = connector.connect(&name, socket).await;
                // Only the driver can see whether it can bind.
                Ok(self.watched(connected.map_err(custom_error)?, true))
            }
        }
    }

    fn watched(
        self,
        stream: impl TlsStream + Send + Unpin + 'static,
        can_bind: bool,
    ) -> SecureStream {
        SecureStream::new(WatchedStream::new(stream, can_bind, self.rules, self.watch))
    }
}

/// Returns the error of a server without TLS.
fn not_offered() -> TlsError {
    TlsError::new(
        TlsFailure::NotOffered,
        "the server offers no TLS, or something between client and server hides it",
        "set ssl=on on the server, and check what is between",
    )
}

/// Returns the error of an application's connector. A broken connection stays one.
fn custom_error(error: BoxError) -> BoxError {
    match error.downcast_ref::<io::Error>() {
        Some(io) if io.kind() != io::ErrorKind::InvalidData => error,
        _ => TlsError::new(
            TlsFailure::Handshake,
            format!("the TLS connector of the application failed ({error})"),
            "correct the connector or the server's certificate",
        )
        .into(),
    }
}

impl MakeTlsConnect<Socket> for TlsConnector {
    type Stream = SecureStream;
    type TlsConnect = Connect;
    type Error = BoxError;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Connect, BoxError> {
        Ok(Connect {
            connector: self.clone(),
            domain: domain.to_owned(),
        })
    }
}

/// One connection to be negotiated.
pub(crate) struct Connect {
    connector: TlsConnector,
    domain: String,
}

impl TlsConnect<Socket> for Connect {
    type Stream = SecureStream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<SecureStream, BoxError>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(self.connector.connect(self.domain, socket))
    }
}
