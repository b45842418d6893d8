//! The session store: what an application calls.

// In the order in which rustdoc shows the methods: the blank lines keep rustfmt from sorting.
mod builder;

mod sessions;

mod update;

mod lock;

mod rotation;

mod foreign_ids;

mod users;

#[expect(clippy::module_inception, reason = "the file of the type Store")]
mod store;

#[cfg(feature = "admin")]
mod administration;
mod create_outcome;
mod id_outcome;
mod lock_registry;
mod rotate_outcome;
mod save_outcome;
mod update_outcome;

pub use builder::StoreBuilder;
#[cfg(feature = "tokio")]
pub(crate) use builder::StoreParts;
pub use create_outcome::CreateOutcome;
pub use id_outcome::IdOutcome;
#[cfg(feature = "tokio")]
pub(crate) use lock_registry::{Held, check_held};
pub use rotate_outcome::RotateOutcome;
pub use save_outcome::SaveOutcome;
pub use store::Store;
#[cfg(feature = "tokio")]
pub(crate) use update::{Stopped, UPDATE_LOCK_TIMEOUT};
pub use update_outcome::UpdateOutcome;
