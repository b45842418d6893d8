//! The two clients as one, so that the same load runs on both.

use std::time::Duration;

use connect_pg::tokio::Store as AsyncStore;
use connect_pg::{Error, RotateOutcome, SaveOutcome, Session, SessionAttributes, SessionId, Store};
use tokio::runtime::Handle;

/// For a lock on a session that no other caller wants.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// The calls of a load. All but `load` change something.
pub trait Client: Sync {
    fn create(&self, data: i32) -> Result<Session<i32>, Error>;
    fn load(&self, id: &SessionId) -> Result<Option<Session<i32>>, Error>;
    fn save(&self, session: &mut Session<i32>) -> Result<SaveOutcome, Error>;
    /// Returns true if the session was live.
    fn change_locked(&self, id: &SessionId, data: i32) -> Result<bool, Error>;
    fn end(&self, id: &SessionId) -> Result<bool, Error>;
    fn rotate(&self, session: &mut Session<i32>) -> Result<RotateOutcome, Error>;
    fn login(&self, session: &mut Session<i32>, user_id: &str) -> Result<RotateOutcome, Error>;
}

impl Client for Store {
    fn create(&self, data: i32) -> Result<Session<i32>, Error> {
        self.create(data, &SessionAttributes::new())
    }

    fn load(&self, id: &SessionId) -> Result<Option<Session<i32>>, Error> {
        self.load(id)
    }

    fn save(&self, session: &mut Session<i32>) -> Result<SaveOutcome, Error> {
        self.save(session)
    }

    fn change_locked(&self, id: &SessionId, data: i32) -> Result<bool, Error> {
        let work = |session: &mut Session<i32>| -> Result<(), Error> {
            session.data = data;
            Ok(())
        };
        let outcome = self.with_locked(id, LOCK_TIMEOUT, work)?;
        Ok(outcome.updated().is_some())
    }

    fn end(&self, id: &SessionId) -> Result<bool, Error> {
        self.end(id)
    }

    fn rotate(&self, session: &mut Session<i32>) -> Result<RotateOutcome, Error> {
        self.rotate(session, Duration::ZERO)
    }

    fn login(&self, session: &mut Session<i32>, user_id: &str) -> Result<RotateOutcome, Error> {
        self.login(session, user_id, &SessionAttributes::new())
    }
}

/// The asynchronous store, called from threads outside its runtime.
pub struct AsyncClient {
    pub store: AsyncStore,
    pub runtime: Handle,
}

impl Client for AsyncClient {
    fn create(&self, data: i32) -> Result<Session<i32>, Error> {
        let attributes = SessionAttributes::new();
        self.runtime.block_on(self.store.create(data, &attributes))
    }

    fn load(&self, id: &SessionId) -> Result<Option<Session<i32>>, Error> {
        self.runtime.block_on(self.store.load(id))
    }

    fn save(&self, session: &mut Session<i32>) -> Result<SaveOutcome, Error> {
        self.runtime.block_on(self.store.save(session))
    }

    fn change_locked(&self, id: &SessionId, data: i32) -> Result<bool, Error> {
        let work = async |session: &mut Session<i32>| -> Result<(), Error> {
            session.data = data;
            Ok(())
        };
        let outcome = self.store.with_locked(id, LOCK_TIMEOUT, work);
        Ok(self.runtime.block_on(outcome)?.updated().is_some())
    }

    fn end(&self, id: &SessionId) -> Result<bool, Error> {
        self.runtime.block_on(self.store.end(id))
    }

    fn rotate(&self, session: &mut Session<i32>) -> Result<RotateOutcome, Error> {
        self.runtime
            .block_on(self.store.rotate(session, Duration::ZERO))
    }

    fn login(&self, session: &mut Session<i32>, user_id: &str) -> Result<RotateOutcome, Error> {
        let attributes = SessionAttributes::new();
        self.runtime
            .block_on(self.store.login(session, user_id, &attributes))
    }
}
