use std::marker::PhantomData;

use crate::error::Error;

/// Nothing is reported of the call.
pub(crate) struct CallSpan;

#[derive(Clone, Copy)]
pub(crate) struct CallTrace<'a>(PhantomData<&'a ()>);

#[expect(clippy::unused_self, reason = "the feature `tracing` uses it")]
impl CallSpan {
    pub(crate) fn begin(_: impl Fn() -> &'static str) -> CallSpan {
        CallSpan
    }

    pub(crate) fn commit() -> CallSpan {
        CallSpan
    }

    pub(crate) fn trace(&self) -> Option<CallTrace<'_>> {
        None
    }

    pub(crate) fn replied(&self, _: usize, _: impl FnOnce() -> &'static str) {}

    pub(crate) fn failed(&self, _: usize, _: &Error) {}
}

#[expect(clippy::unused_self, reason = "the feature `tracing` uses it")]
impl CallTrace<'_> {
    pub(crate) const NONE: CallTrace<'static> = CallTrace(PhantomData);

    pub(crate) fn repeated(self, _: &Error) {}

    pub(crate) fn again(self) {}
}

pub(crate) fn listener_reconnects(_: u32) {}

/// Returns false: there is no subscriber.
pub(crate) fn pruning_failed(_: u32, _: &Error) -> bool {
    false
}
