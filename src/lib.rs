//! Web sessions kept in PostgreSQL, behind stored functions.
#![warn(missing_docs)]

mod async_context;
mod backend;
mod borrowed;
mod connection;
mod connection_settings;
mod connector;
mod error;
mod function;
#[cfg(feature = "install")]
pub mod install;
mod json_text;
mod new_session;
mod parameter;
mod pool;
mod prune_options;
mod prune_round;
mod pruned;
mod pruner;
mod random_delay;
mod saved;
mod schema_name;
mod session;
mod session_id;
mod session_key;
mod store;
mod store_builder;

pub use backend::Backend;
pub use borrowed::Borrowed;
pub use connection_settings::ConnectionSettings;
pub use error::Error;
pub use new_session::NewSession;
pub use pool::Pool;
pub use prune_options::PruneOptions;
pub use prune_round::PruneRound;
pub use pruned::Pruned;
pub use pruner::Pruner;
pub use saved::Saved;
pub use session::Session;
pub use session_id::SessionId;
pub use session_key::SessionKey;
pub use store::Store;
pub use store_builder::StoreBuilder;
