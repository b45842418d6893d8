//! What administrators ask of a store, for session-admin. The runtime role may call none of it.

use uuid::Uuid;

use super::store::Store;
use crate::connection::Backend;
use crate::error::Error;
use crate::functions::{
    ConfigureStore, EndAllSessions, EndSessionByHandle, EndUserSessionsExceptHandle,
    ExportSessions, FindSession, FoundSession, ImportOutcome, ImportSessions, ReadStoreSettings,
    ReadStoreStatus, RecordColumns, SettingChange, StoreSetting, StoreStatus,
};
use crate::session::{SessionKey, SessionRecord};

#[doc(hidden)]
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

    /// Returns the live session with a handle.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub fn find_session(&self, handle: Uuid) -> Result<Option<FoundSession>, Error> {
        self.call(&FindSession { handle })
    }

    /// Ends the session with a handle. Returns true if it was live.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub fn end_by_handle(&self, handle: Uuid) -> Result<bool, Error> {
        self.call(&EndSessionByHandle { handle })
    }

    /// Ends the live sessions of a user, except the one with a handle. Returns how many there were. Returns `None`, and ends none, if
    /// the user has no live session with that handle.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub fn end_user_sessions_except_handle(
        &self,
        user_id: &str,
        handle: Uuid,
    ) -> Result<Option<u32>, Error> {
        self.call(&EndUserSessionsExceptHandle::new(user_id, handle)?)
    }

    /// Returns the settings of the store.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub fn settings(&self) -> Result<Vec<StoreSetting>, Error> {
        self.call(&ReadStoreSettings)
    }

    /// Sets settings of the store, all or none. `None` clears a setting. Returns those that changed.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors). A setting that is unknown or cannot have its value is
    /// [refused](Error::is_invalid_argument).
    pub fn configure(
        &self,
        settings: &[(&str, Option<&str>)],
    ) -> Result<Vec<SettingChange>, Error> {
        self.call(&ConfigureStore::new(&ConfigureStore::settings(settings)))
    }

    /// Returns live sessions in the order of their keys, from the first one after a key.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors), and `max_rows` is [0 or above 2147483647](Error::is_invalid_argument).
    pub fn export_page(
        &self,
        after: Option<[u8; 32]>,
        max_rows: u32,
    ) -> Result<Vec<SessionRecord>, Error> {
        let after = after.map(SessionKey::new);
        self.call(&ExportSessions::new(after.as_ref(), max_rows)?)
    }

    /// Creates sessions from records. Leaves a session alone whose key exists. Returns an outcome for each record.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors). A value that the database cannot hold fails the whole batch.
    pub fn import_batch(&self, records: &[SessionRecord]) -> Result<Vec<ImportOutcome>, Error> {
        let columns = RecordColumns::new(records);
        let outcomes = self.call(&ImportSessions::new(&columns))?;
        if outcomes.len() == records.len() {
            Ok(outcomes)
        } else {
            Err(Error::reply("not one outcome for each session"))
        }
    }
}
