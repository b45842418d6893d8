use super::pool::{DEFAULT_SIZE, Pool};
use super::store::Store;
use crate::error::Error;
use crate::store::StoreBuilder;

impl Store {
    /// Connects to the database, with every setting of the [builder](Store::builder) at its default.
    ///
    /// `database_url` is a URL or `keyword=value` pairs, as `psql` takes them. What it leaves out comes from the `PG*` variables
    /// and the password file: see [`ConnectionSettings`](crate::ConnectionSettings). Log in as the runtime role, `nodepg` by
    /// default.
    ///
    /// # Errors
    ///
    /// Returns an error if the settings are invalid, or if no connection can be made. It does not check whether the store is
    /// installed; the first call does.
    pub async fn connect(database_url: &str) -> Result<Store, Error> {
        Store::builder().database_url(database_url).connect().await
    }

    /// Returns the settings of a store with a pool of its own, to be changed.
    pub fn builder() -> StoreBuilder<Store> {
        StoreBuilder::new()
    }
}

impl StoreBuilder<Store> {
    /// Creates the store and opens its first connection.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting is [invalid](Error::is_invalid_argument), if no connection can be made, or if called
    /// outside of a tokio runtime.
    pub async fn connect(self) -> Result<Store, Error> {
        let store = self.build()?;
        store.backend.open_one().await?;
        Ok(store)
    }

    /// Creates the store without connecting, for a program that starts before its database. The first call connects.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting is [invalid](Error::is_invalid_argument).
    pub fn build(self) -> Result<Store, Error> {
        let mut parts = self.parts(DEFAULT_SIZE)?;
        let (schema, ascii) = (std::mem::take(&mut parts.schema), parts.ascii_json);
        Ok(Store::new(Pool::new(parts)?, schema, ascii))
    }
}
