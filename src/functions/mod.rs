//! What is sent and what comes back, without I/O: one file for each SQL function.

mod function;
pub(crate) mod json;
mod parameter;
mod schema_name;

pub(crate) use function::Function;
pub(crate) use parameter::Parameter;
pub(crate) use schema_name::{SchemaName, quote};
