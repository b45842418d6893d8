//! The pool: [`queue`] decides who gets which connection, [`places`] makes threads wait for that, [`checkout`] and [`groups`]
//! make the calls.

mod checkout;
mod groups;
mod in_transaction;
mod members;
mod options;
mod place;
mod places;
#[expect(clippy::module_inception, reason = "the file of the type Pool")]
mod pool;
mod queue;
mod slot;
mod status;
#[cfg(test)]
mod tests;
mod waiter;
mod waiting;

pub(crate) use options::{GroupMode, PoolOptions};
pub use pool::Pool;
pub use status::PoolStatus;
