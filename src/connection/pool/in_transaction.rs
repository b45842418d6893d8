use std::cell::RefCell;
use std::sync::Arc;

use super::places::Places;

thread_local! {
    /// The pools, by their address, of which this thread uses a connection for a transaction.
    static POOLS: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Records that this thread is in a transaction on a connection of a pool, until it is dropped.
pub(super) struct InTransaction(());

impl InTransaction {
    pub(super) fn on(pool: &Arc<Places>) -> InTransaction {
        POOLS.with_borrow_mut(|pools| pools.push(Arc::as_ptr(pool).addr()));
        InTransaction(())
    }

    /// Returns how many connections of this pool this thread uses for transactions.
    pub(super) fn count(pool: &Arc<Places>) -> usize {
        let pool = Arc::as_ptr(pool).addr();
        POOLS.with_borrow(|pools| pools.iter().filter(|other| **other == pool).count())
    }
}

impl Drop for InTransaction {
    fn drop(&mut self) {
        // They nest, so the last one is this one.
        POOLS.with_borrow_mut(Vec::pop);
    }
}
