use std::future::Future;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout_at;

use super::close::off_runtime;
use super::connector::Connector;
use super::driven_client::DrivenClient;
use super::server_session::ServerSession;
use crate::error::Error;

/// The longest wait until a closed connection has told the server so.
const CLOSE_TIME: Duration = Duration::from_millis(200);

/// A client for threads that block, on a runtime of its own. Unlike the client of the crate `postgres` it can stop waiting.
pub(super) struct BlockingClient {
    /// None after the drop has begun.
    open: Option<(DrivenClient, Runtime)>,
}

impl BlockingClient {
    /// Connects, on a thread that is known to be allowed to block.
    pub(super) fn connect(connector: &Connector) -> Result<(BlockingClient, ServerSession), Error> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::thread)?;
        let connected = runtime.block_on(connector.open(runtime.handle()));
        match connected {
            Ok(client) => {
                let session = client.session();
                let open = Some((client, runtime));
                Ok((BlockingClient { open }, session))
            }
            Err(error) => {
                // A search for a host name may go on, and is not waited for.
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        let client = self.open.as_ref().map(|(client, _)| client);
        client.is_none_or(DrivenClient::is_closed)
    }

    /// Does work with the client. Returns None if it is not done by `give_up`: the connection is of no more use then.
    pub(super) fn wait<'a, T, F>(
        &'a self,
        give_up: Instant,
        work: impl FnOnce(&'a DrivenClient) -> F,
    ) -> Option<T>
    where
        F: Future<Output = T>,
    {
        let (client, runtime) = self.open.as_ref()?;
        let done = runtime.block_on(async { timeout_at(give_up.into(), work(client)).await });
        if done.is_err() {
            client.abandon();
        }
        done.ok()
    }
}

impl Drop for BlockingClient {
    fn drop(&mut self) {
        if let Some((client, runtime)) = self.open.take() {
            off_runtime(move || {
                runtime.block_on(client.close(CLOSE_TIME));
                runtime.shutdown_background();
            });
        }
    }
}
