use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use tracing::Span;
use tracing::field::Empty;

use crate::error::Error;

/// The span of one call of a function, from the caller's request for it to the reply. Dropped before its end, it is
/// `cancelled`.
pub(crate) struct CallSpan(Option<Box<Open>>);

/// What the layers below know of a call's span. A call without a span reports nothing.
#[derive(Clone, Copy)]
pub(crate) struct CallTrace<'a>(Option<&'a Open>);

struct Open {
    span: Span,
    began: Instant,
    attempts: AtomicU32,
    has_ended: AtomicBool,
}

impl CallSpan {
    /// Begins the span of a call of this function, in the span that the caller is in.
    pub(crate) fn begin(function: impl Fn() -> &'static str) -> CallSpan {
        let span = tracing::debug_span!(
            target: "connect_pg",
            "call",
            function = function(),
            outcome = Empty,
            duration = Empty,
            attempts = Empty,
            group_size = Empty,
            error_kind = Empty,
            sqlstate = Empty,
        );
        CallSpan((!span.is_disabled()).then(|| {
            Box::new(Open {
                span,
                began: Instant::now(),
                attempts: AtomicU32::new(1),
                has_ended: AtomicBool::new(false),
            })
        }))
    }

    /// Begins the span of a commit.
    pub(crate) fn commit() -> CallSpan {
        CallSpan::begin(|| "commit")
    }

    /// Returns what the call carries to the layers below, if a subscriber listens.
    pub(crate) fn trace(&self) -> Option<CallTrace<'_>> {
        self.0.as_deref().map(|open| CallTrace(Some(open)))
    }

    /// Ends the span: the server has replied.
    pub(crate) fn replied(&self, group_size: usize, outcome: impl FnOnce() -> &'static str) {
        if let Some(open) = &self.0 {
            open.end(outcome(), group_size);
        }
    }

    /// Ends the span: the call failed.
    pub(crate) fn failed(&self, group_size: usize, error: &Error) {
        if let Some(open) = &self.0 {
            open.span
                .record("error_kind", tracing::field::debug(error.kind()));
            if let Some(code) = error.code() {
                open.span.record("sqlstate", code);
            }
            let outcome = if error.is_outcome_unknown() {
                "unknown"
            } else {
                "failed"
            };
            open.end(outcome, group_size);
        }
    }
}

impl CallTrace<'_> {
    pub(crate) const NONE: CallTrace<'static> = CallTrace(None);

    /// Counts another attempt at the call. A lost connection that is replaced for it is an event.
    pub(crate) fn repeated(self, error: &Error) {
        self.again();
        if error.is_connection_lost() {
            // Without a span of the call, the event belongs to the caller's.
            let span = self.0.and_then(|open| open.span.id());
            let parent = span.or_else(|| Span::current().id());
            tracing::warn!(
                target: "connect_pg",
                parent: parent,
                error_kind = ?error.kind(),
                sqlstate = error.code(),
                "a connection was lost; the call is made once more on another"
            );
        }
    }

    /// Counts another attempt at the call, which was part of a group that did not answer it.
    pub(crate) fn again(self) {
        if let Some(open) = self.0 {
            open.attempts.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Open {
    fn end(&self, outcome: &'static str, group_size: usize) {
        if self.has_ended.swap(true, Ordering::Relaxed) {
            return;
        }
        let span = &self.span;
        span.record("outcome", outcome);
        span.record("duration", self.began.elapsed().as_secs_f64());
        span.record("attempts", self.attempts.load(Ordering::Relaxed));
        span.record("group_size", group_size as u64);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.end("cancelled", 1);
    }
}
