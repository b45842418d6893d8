use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::InUse;

/// What the connections of a pool are in use for, besides calls that wait for the server.
#[derive(Default)]
pub(crate) struct Activity {
    opening: AtomicU32,
    in_closures: AtomicU32,
}

impl Activity {
    pub(crate) fn in_use(&self) -> InUse {
        InUse {
            opening: self.opening.load(Ordering::Relaxed),
            in_closures: self.in_closures.load(Ordering::Relaxed),
        }
    }

    /// Counts a connection that is being opened, until the guard is dropped.
    pub(super) fn opening(&self) -> Counted<'_> {
        Counted::new(&self.opening)
    }

    /// Counts a closure of the application's in a transaction, until the guard is dropped.
    pub(super) fn in_closure(&self) -> Counted<'_> {
        Counted::new(&self.in_closures)
    }

    /// The same for a transaction without such a scope: `begins` tells its begin from its end.
    #[cfg(feature = "tokio")]
    pub(crate) fn count_closure(&self, begins: bool) {
        if begins {
            self.in_closures.fetch_add(1, Ordering::Relaxed);
        } else {
            self.in_closures.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

pub(super) struct Counted<'a>(&'a AtomicU32);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicU32) -> Counted<'a> {
        count.fetch_add(1, Ordering::Relaxed);
        Counted(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
