//! The subcommands: help, arguments, work.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod configure;
pub(crate) mod end;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod install;
pub(crate) mod print_sql;
pub(crate) mod prune;
pub(crate) mod rotate_password;
pub(crate) mod status;
pub(crate) mod uninstall;
pub(crate) mod users;
