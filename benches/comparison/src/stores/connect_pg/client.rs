//! The calls of a client, the same through a pool and on a borrowed connection.

use anyhow::{Result, bail};
use connect_pg::{Backend, RotateOutcome, SaveOutcome, Session, SessionAttributes, Store};

use crate::measure::payload::Payload;
use crate::stores::store::live;

/// Implements [`StoreClient`](crate::stores::store::StoreClient) for a type with a field `kept` and an expression for its `Store`.
macro_rules! impl_store_client {
    ($client:ty, $self:ident, $store:expr) => {
        impl StoreClient for $client {
            fn load(&mut $self, id: &str) -> Result<()> {
                client::peek(&$store, id).map(drop)
            }

            fn rolling(&mut $self, id: &str) -> Result<()> {
                client::load(&$store, id).map(drop)
            }

            fn keep(&mut $self, id: &str) -> Result<()> {
                let session = client::peek(&$store, id)?;
                $self.kept.push(session);
                Ok(())
            }

            fn save(&mut $self, n: usize) -> Result<()> {
                client::save(&$store, &mut $self.kept[n])
            }

            fn change(&mut $self, id: &str) -> Result<()> {
                client::change(&$store, id)
            }

            fn create(&mut $self, payload: &Payload) -> Result<String> {
                client::create(&$store, payload)
            }

            fn login(&mut $self, id: &str, user: &str) -> Result<String> {
                client::login(&$store, id, user)
            }

            fn end(&mut $self, id: &str) -> Result<()> {
                client::end(&$store, id)
            }

            fn user_sessions(&mut $self, user: &str) -> Result<usize> {
                Ok($store.user_sessions(user)?.len())
            }
        }
    };
}

pub(super) use impl_store_client;

pub fn peek<B: Backend>(store: &Store<B>, id: &str) -> Result<Session<Payload>> {
    live(store.peek(&id.parse()?)?)
}

pub fn load<B: Backend>(store: &Store<B>, id: &str) -> Result<Session<Payload>> {
    live(store.load(&id.parse()?)?)
}

pub fn save<B: Backend>(store: &Store<B>, session: &mut Session<Payload>) -> Result<()> {
    session.data.change();
    match store.save(session)? {
        SaveOutcome::Saved => Ok(()),
        outcome => bail!("save returned {outcome:?}"),
    }
}

pub fn change<B: Backend>(store: &Store<B>, id: &str) -> Result<()> {
    let mut session = load(store, id)?;
    session.data.change();
    // A conflict is a valid reply: another client may have changed a popular session.
    let _ = store.save(&mut session)?;
    Ok(())
}

pub fn create<B: Backend>(store: &Store<B>, payload: &Payload) -> Result<String> {
    let session = store.create(payload, &SessionAttributes::new())?;
    Ok(session.id().as_cookie_value().to_owned())
}

/// Loads a visitor's session, and gives it the user and a new id.
pub fn login<B: Backend>(store: &Store<B>, id: &str, user: &str) -> Result<String> {
    let mut session = peek(store, id)?;
    match store.login(&mut session, user, &SessionAttributes::new())? {
        RotateOutcome::Rotated => Ok(session.id().as_cookie_value().to_owned()),
        RotateOutcome::Gone => bail!("there was no live session to log in"),
    }
}

pub fn end<B: Backend>(store: &Store<B>, id: &str) -> Result<()> {
    if !store.end(&id.parse()?)? {
        bail!("there was no live session to end");
    }
    Ok(())
}
