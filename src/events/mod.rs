//! Events: notifications of sessions that end.

mod event;
mod listen;
mod listener;
mod listener_thread;
mod reconnect;
mod session_ended;

pub use event::SessionEvent;
pub use listener::SessionListener;
pub use listener_thread::ListenerThread;
#[cfg(feature = "tokio")]
pub(crate) use reconnect::{MAX_SILENCE, Reconnects};
pub use session_ended::SessionEnded;
#[cfg(fuzzing)]
pub(crate) use session_ended::check_payload;
