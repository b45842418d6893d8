//! What is reported of calls, pruners and lost connections, with the feature `tracing`. Without it, nothing is.
//!
//! Only fixed names, numbers and SQLSTATEs go into a span: no argument, no reply, and no text of the server.

#[cfg(feature = "tracing")]
mod call_span;
#[cfg(feature = "tracing")]
mod events;
#[cfg(not(feature = "tracing"))]
mod off;

#[cfg(feature = "tracing")]
pub(crate) use call_span::{CallSpan, CallTrace};
#[cfg(feature = "tracing")]
pub(crate) use events::{listener_reconnects, pruning_failed};
#[cfg(not(feature = "tracing"))]
pub(crate) use off::{CallSpan, CallTrace, listener_reconnects, pruning_failed};
