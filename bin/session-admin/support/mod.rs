//! What several subcommands share.

pub(crate) mod connection;
pub(crate) mod failure;
pub(crate) mod output;
pub(crate) mod private_file;
pub(crate) mod scram;
pub(crate) mod sessions;
