//! Values without I/O: ids, keys, sessions and what is known of them.

mod attributes;
mod end_reason;
mod id;
mod info;
mod key;
mod login;
mod new_session;
#[expect(clippy::module_inception, reason = "the file of the type Session")]
mod session;
mod state;
mod user_session;

pub(crate) use attributes::SessionAttributes;
pub use end_reason::EndReason;
pub use id::SessionId;
pub use info::SessionInfo;
pub use key::SessionKey;
pub use login::Login;
pub use new_session::NewSession;
pub use session::Session;
pub use state::SessionState;
pub use user_session::UserSession;
