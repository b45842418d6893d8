use crate::error::Error;
use crate::session::{SessionId, SessionKey};

/// A key that exists is one chance in 2^248 at least, or a broken random source. The second one in a row is the latter.
const MAX_DRAWS: u32 = 2;

/// A new id, drawn again after a collision.
pub(super) struct DrawnId {
    pub(super) id: SessionId,
    pub(super) key: SessionKey,
    slot: Option<u8>,
    draws: u32,
}

impl DrawnId {
    /// Draws an id, whose key has this slot if there is one.
    pub(super) fn new(slot: Option<u8>) -> Result<DrawnId, Error> {
        let id = draw(slot)?;
        Ok(DrawnId {
            key: id.key(),
            id,
            slot,
            draws: 1,
        })
    }

    /// Draws another id, after the key of this one existed.
    pub(super) fn draw_again(&mut self) -> Result<(), Error> {
        if self.draws == MAX_DRAWS {
            return Err(Error::reply("every new key exists"));
        }
        self.draws += 1;
        self.id = draw(self.slot)?;
        self.key = self.id.key();
        Ok(())
    }
}

fn draw(slot: Option<u8>) -> Result<SessionId, Error> {
    slot.map_or_else(SessionId::generate, SessionId::generate_for_slot)
}
