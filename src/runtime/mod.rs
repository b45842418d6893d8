//! Threads: whether this one may block, how long it pauses, and threads that stop on drop.

pub(crate) mod async_context;
pub(crate) mod random_delay;
pub(crate) mod worker_thread;
