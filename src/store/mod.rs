//! The session store: what an application calls.

#[cfg(feature = "admin")]
mod administration;
mod builder;
mod lock;
mod lock_registry;
mod rotate_outcome;
mod rotation;
mod save_outcome;
mod sessions;
#[expect(clippy::module_inception, reason = "the file of the type Store")]
mod store;
mod update;
mod update_outcome;
mod users;

pub use builder::StoreBuilder;
pub use rotate_outcome::RotateOutcome;
pub use save_outcome::SaveOutcome;
pub use store::Store;
pub use update_outcome::UpdateOutcome;
