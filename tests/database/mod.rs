//! Promises of the SQL functions, whichever client calls them.

mod autovacuum;
mod concurrency;
mod dead_rows;
mod disclosure;
mod enumeration;
mod grouped_calls;
mod interleavings;
mod model;
mod outsiders;
mod plans;
mod released_sql;
mod sql_interface;
mod standby;
