//! The pages of the examples: a visit counter, a login, and the user's devices. No I/O and no framework.
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
//!
//! Browsers get HTML. A client that does not ask for `text/html`, such as curl, gets plain text.

mod asset;
mod device;
mod log_in;
mod page;
mod pages;
mod visit;

pub use asset::asset;
pub use device::end_device_form;
pub use log_in::{LogIn, device_attributes};
pub use page::{Page, see_other};
pub use pages::{devices, ended, home, message};
pub use visit::Visit;
