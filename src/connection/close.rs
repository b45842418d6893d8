use std::mem::ManuallyDrop;
use std::thread;

use postgres::Client;

use crate::runtime::async_context;

/// Closes a connection, on a thread of its own inside a runtime: a client that is dropped in a task sends a message, waits,
/// and so panics.
pub(crate) fn close_off_runtime(client: Client) {
    off_runtime(move || drop(client));
}

/// Does work that blocks for a moment, on a thread of its own inside a runtime.
pub(super) fn off_runtime(work: impl FnOnce() + Send + 'static) {
    if !async_context::in_runtime() {
        work();
        return;
    }
    // Without a thread the connection leaks until the process ends, which is better than a panic.
    let work = ManuallyDrop::new(work);
    let _ = thread::Builder::new()
        .name("connect-pg close".to_owned())
        .spawn(move || ManuallyDrop::into_inner(work)());
}
