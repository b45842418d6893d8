//! The examples.

#[cfg(feature = "tokio")]
mod async_store;
