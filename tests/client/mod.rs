//! The Rust client against a real server.

mod async_context;
mod borrowed;
mod connections;
mod errors;
mod events;
mod locked;
mod login;
mod payloads;
mod pool;
mod pruner;
mod rotation;
mod round_trips;
mod sessions;
mod users;
