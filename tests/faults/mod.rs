//! Faults: what was acknowledged and is lost, and which ended sessions are live again. `bin/test faults` runs these tests and prints
//! their rows as a table.

mod client_killed;
mod clients;
mod clock;
mod connections;
mod disk_full;
mod durability;
mod failover;
mod install;
mod load;
mod prune;
mod server_killed;
mod stores;
mod table;
