//! What the examples have in common: the pages of a visit counter, a login, and the user's devices. No framework.
//!
//! | request | shows or does |
//! |---|---|
//! | `GET /` | counts this visitor's views; the login, or the user |
//! | `POST /login`, fields `user` and `remember` | logs in, under a new session id |
//! | `GET /devices` | the user's sessions |
//! | `POST /devices/end`, field `handle` | logs out one device |
//! | `POST /devices/end-others` | logs out everywhere else |
//! | `POST /logout` | logs out |
//! | `GET /events` | server-sent events: `ended` when the session ends |
//! | `GET /ended` | what a page shows then |
//! | `GET /slow?milliseconds=N` | loads the session, waits, and saves it: try to log out in between |
//!
//! Browsers get HTML. A client that does not ask for `text/html`, such as curl, gets plain text.
//!
//! Each example reads the same [settings](Settings).

mod asset;
mod awaited;
mod device;
#[cfg(feature = "tokio")]
mod ends;
mod log_in;
mod page;
mod pages;
mod refusal;
mod settings;
mod slow;
mod visit;

pub use asset::asset;
pub use awaited::Awaited;
pub use device::end_device_form;
#[cfg(feature = "tokio")]
pub use ends::Ends;
pub use log_in::{LogIn, device_attributes};
pub use page::{Page, see_other};
pub use pages::{devices, ended, home, message};
pub use refusal::{MAX_BODY, Refusal};
pub use settings::Settings;
pub use slow::Slow;
pub use visit::Visit;
