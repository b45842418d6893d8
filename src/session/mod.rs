//! Values without I/O: ids, keys, sessions and what is known of them.

mod attributes;
mod client_getters;
mod end_reason;
mod id;
mod info;
mod key;
mod lifetime;
#[cfg(feature = "admin")]
mod record;
#[expect(clippy::module_inception, reason = "the file of the type Session")]
mod session;
mod state;
mod user_session;

pub use attributes::SessionAttributes;
pub use end_reason::EndReason;
pub use id::SessionId;
pub use info::SessionInfo;
pub use key::SessionKey;
pub use lifetime::Lifetime;
#[cfg(feature = "admin")]
pub use record::SessionRecord;
pub(crate) use session::Expiry;
pub use session::Session;
pub use state::SessionState;
pub use user_session::UserSession;
