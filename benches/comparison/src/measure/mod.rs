//! Instruments, and the work that is measured. Nothing here knows a server or a store.

pub mod cpu;
pub mod histogram;
pub mod ids;
pub mod job;
pub mod measured;
pub mod number;
pub mod payload;
pub mod round_trips;
pub mod spread;
pub mod workload;
