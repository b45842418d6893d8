//! The program session-admin against a real server.

mod check;
mod configure;
mod durability;
#[cfg(unix)]
mod errors;
mod import_jsonl;
mod import_node_stores;
mod import_tower_sessions;
mod install;
mod install_indexes;
mod installer_role;
mod monitoring;
#[cfg(unix)]
mod moves;
#[cfg(unix)]
mod password_rotation;
#[cfg(unix)]
mod print_sql;
#[cfg(unix)]
mod prune;
#[cfg(unix)]
mod rotate_password;
#[cfg(unix)]
mod schedule;
mod sessions;
mod status;
#[cfg(all(unix, feature = "tls"))]
mod tls;
#[cfg(all(unix, feature = "tls"))]
mod two_addresses;
mod uninstall;
mod upgrade_connect_pg;
