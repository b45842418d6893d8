use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::Client;

use super::server_session::ServerSession;

/// An open connection and the task that drives it. The task ends after the last reply when this value is dropped.
pub(crate) struct DrivenClient {
    client: Client,
    task: JoinHandle<()>,
    session: ServerSession,
    abandoned: AtomicBool,
}

impl DrivenClient {
    pub(super) fn new(
        client: Client,
        task: JoinHandle<()>,
        session: ServerSession,
    ) -> DrivenClient {
        DrivenClient {
            client,
            task,
            session,
            abandoned: AtomicBool::new(false),
        }
    }

    /// Returns what is known of the server's side.
    pub(crate) fn session(&self) -> ServerSession {
        self.session
    }

    /// Breaks the connection at once, because the server does not answer.
    pub(crate) fn abandon(&self) {
        // The task may end later: nothing runs it while the caller of a synchronous store is away.
        self.abandoned.store(true, Ordering::Relaxed);
        self.task.abort();
    }

    /// Returns true if it can make no more calls.
    pub(crate) fn is_closed(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed) || self.client.is_closed()
    }

    /// Closes the connection. Waits no longer than `limit` until the server has been told.
    pub(super) async fn close(self, limit: Duration) {
        let DrivenClient { client, task, .. } = self;
        drop(client);
        let abort = task.abort_handle();
        if timeout(limit, task).await.is_err() {
            abort.abort();
        }
    }
}

impl Deref for DrivenClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
