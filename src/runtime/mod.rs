//! Threads: whether this one may block, and how long it pauses.

pub(crate) mod async_context;
pub(crate) mod random_delay;
