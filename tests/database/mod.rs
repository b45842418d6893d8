//! Promises of the SQL functions, whichever client calls them.

mod concurrency;
mod enumeration;
mod model;
mod released_sql;
mod resurrection;
mod sql_interface;
mod standby;
