//! What several subcommands share.

pub(crate) mod blockers;
pub(crate) mod call_error;
pub(crate) mod change_list;
pub(crate) mod cli_error;
pub(crate) mod connection;
pub(crate) mod durability;
pub(crate) mod error_details;
pub(crate) mod global_args;
pub(crate) mod interrupt;
pub(crate) mod output;
pub(crate) mod pg_cron;
pub(crate) mod private_file;
pub(crate) mod progress;
pub(crate) mod prune_job;
pub(crate) mod rights;
pub(crate) mod role_settings;
pub(crate) mod scram;
pub(crate) mod session_table;
pub(crate) mod statement_logging;
pub(crate) mod text;
