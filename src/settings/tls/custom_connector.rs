//! The TLS connector of an application.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;

use tokio_postgres::Socket;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};

use super::secure_stream::SecureStream;

type BoxError = Box<dyn StdError + Send + Sync>;
pub(super) type Connecting = Pin<Box<dyn Future<Output = Result<SecureStream, BoxError>> + Send>>;

/// Any connector, without its type.
#[derive(Clone)]
pub(crate) struct CustomConnector(Arc<dyn Connect>);

trait Connect: Send + Sync + UnwindSafe + RefUnwindSafe {
    fn connect(&self, domain: &str, socket: Socket) -> Connecting;
}

/// Each connection clones the connector, so a panic in one leaves it as it was.
struct Typed<T>(AssertUnwindSafe<T>);

impl CustomConnector {
    pub(crate) fn new<T>(connector: T) -> CustomConnector
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::TlsConnect: Send,
        T::Stream: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        CustomConnector(Arc::new(Typed(AssertUnwindSafe(connector))))
    }

    /// Makes the TLS handshake with a server that is ready for it.
    pub(super) fn connect(&self, domain: &str, socket: Socket) -> Connecting {
        self.0.connect(domain, socket)
    }
}

impl fmt::Debug for CustomConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomConnector").finish_non_exhaustive()
    }
}

impl<T> Connect for Typed<T>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::TlsConnect: Send,
    T::Stream: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect(&self, domain: &str, socket: Socket) -> Connecting {
        let made = self.0.0.clone().make_tls_connect(domain);
        let made: Result<_, BoxError> = made.map_err(Into::into);
        Box::pin(async move {
            let connect = made?;
            let stream = connect.connect(socket).await.map_err(Into::into)?;
            Ok(SecureStream::new(stream))
        })
    }
}
