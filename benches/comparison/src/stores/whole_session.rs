//! Stores that read and write a session as a whole, by its id. The calls of a request follow from that.

use anyhow::Result;

use super::store::StoreClient;
use crate::measure::ids::random_id;
use crate::measure::payload::Payload;

/// A connection to such a store.
pub trait WholeSessionStore: Send {
    /// Reads a live session.
    fn get(&mut self, id: &str) -> Result<Payload>;

    /// Writes a session, new or not, and slides its expiry.
    fn set(&mut self, id: &str, payload: &Payload) -> Result<()>;

    /// Reads a session and slides its expiry.
    fn rolling(&mut self, id: &str) -> Result<()>;

    /// Deletes a session.
    fn delete(&mut self, id: &str) -> Result<()>;
}

/// A client of such a store.
pub struct WholeSessionClient<S> {
    store: S,
    kept: Vec<(String, Payload)>,
}

impl<S> WholeSessionClient<S> {
    pub fn new(store: S) -> WholeSessionClient<S> {
        WholeSessionClient {
            store,
            kept: Vec::new(),
        }
    }
}

impl<S: WholeSessionStore> StoreClient for WholeSessionClient<S> {
    fn load(&mut self, id: &str) -> Result<()> {
        self.store.get(id)?;
        Ok(())
    }

    fn rolling(&mut self, id: &str) -> Result<()> {
        self.store.rolling(id)
    }

    fn keep(&mut self, id: &str) -> Result<()> {
        let payload = self.store.get(id)?;
        self.kept.push((id.to_owned(), payload));
        Ok(())
    }

    fn save(&mut self, n: usize) -> Result<()> {
        let (id, payload) = &mut self.kept[n];
        payload.change();
        self.store.set(id, payload)
    }

    fn change(&mut self, id: &str) -> Result<()> {
        let mut payload = self.store.get(id)?;
        payload.change();
        self.store.set(id, &payload)
    }

    fn create(&mut self, payload: &Payload) -> Result<String> {
        let id = random_id()?;
        self.store.set(&id, payload)?;
        Ok(id)
    }

    fn login(&mut self, id: &str, _: &str) -> Result<String> {
        let payload = self.store.get(id)?;
        self.store.delete(id)?;
        self.create(&payload)
    }

    fn end(&mut self, id: &str) -> Result<()> {
        self.store.delete(id)
    }
}
