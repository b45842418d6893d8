//! The pool: [`queue`] decides who gets which connection, [`places`] makes threads wait for that, [`pool`] makes the calls.

mod in_transaction;
mod options;
mod places;
#[expect(clippy::module_inception, reason = "the file of the type Pool")]
mod pool;
mod queue;
mod slot;
mod status;
#[cfg(test)]
mod tests;

pub(crate) use options::PoolOptions;
pub use pool::Pool;
pub use status::PoolStatus;
