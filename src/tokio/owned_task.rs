use std::future::Future;

use tokio::task::JoinHandle;

use super::open_connection::current_runtime;
use crate::error::Error;

/// A task that ends when this value is dropped.
pub(super) struct OwnedTask(JoinHandle<()>);

impl OwnedTask {
    pub(super) fn spawn(
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Result<OwnedTask, Error> {
        Ok(OwnedTask(current_runtime()?.spawn(work)))
    }
}

impl Drop for OwnedTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}
