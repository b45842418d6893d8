//! Pruning: the removal of sessions that are no longer live.

mod batch;
mod options;
mod prune;
mod pruner;
mod run;
mod schedule;

pub use batch::PruneBatch;
pub use options::PruneOptions;
pub use pruner::Pruner;
pub use run::PruneRun;
#[cfg(feature = "tokio")]
pub(crate) use schedule::{LastRun, Schedule};
