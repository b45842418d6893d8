//! The npm module connect-pg.

mod client;
