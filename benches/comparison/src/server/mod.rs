//! The servers under the bench, and the machine that they run on.

pub mod counters;
pub mod locks;
pub mod machine;
pub mod postgres;
pub mod redis;
pub mod transport;
