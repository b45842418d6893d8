//! What administrators ask of a store. The runtime role may call none of it.

use super::store::Store;
use crate::connection::Backend;
use crate::error::Error;
use crate::functions::{EndAllSessions, ReadStoreStatus, StoreStatus};

impl<B: Backend> Store<B> {
    /// Returns the state of the whole store. Reads the session table once.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub fn status(&self) -> Result<StoreStatus, Error> {
        self.call(&ReadStoreStatus)
    }

    /// Ends every live session of the store. Returns how many there were.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub fn end_all(&self) -> Result<u64, Error> {
        self.call(&EndAllSessions)
    }
}
