//! The stores that are compared, one a file, and the threads and tasks that drive them.

pub mod bare_postgres;
pub mod choice;
pub mod connect_pg;
pub mod connect_pg_1_1_5;
pub mod connect_pg_simple;
pub mod copy;
pub mod driver;
pub mod hand_written;
pub mod hand_written_users;
pub mod kind;
pub mod npm;
pub mod redis;
pub mod store;
pub mod table_store;
pub mod tasks;
pub mod threads;
pub mod tower_sessions;
pub mod whole_session;
