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

    /// Returns true if this thread is in a transaction on a connection of this pool.
    pub(super) fn is_on(pool: &Arc<Places>) -> bool {
        POOLS.with_borrow(|pools| pools.contains(&Arc::as_ptr(pool).addr()))
    }
}

impl Drop for InTransaction {
    fn drop(&mut self) {
        // They nest, so the last one is this one.
        POOLS.with_borrow_mut(Vec::pop);
    }
}
