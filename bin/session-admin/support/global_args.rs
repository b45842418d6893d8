//! The options of every subcommand.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use connect_pg::install::InstallOptions;

/// The form of a report: lines to read, or one JSON value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

/// The value of `--format`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatName {
    Text,
    Json,
    /// Variables with the password (rotate-password only)
    Env,
    /// Metrics for Prometheus (status only)
    Prometheus,
}

/// The options of every subcommand. Has no `Debug`, because the URL may hold a password.
#[derive(Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    #[arg(
        help = "The server and database: a URL such as postgresql://user@host/database, or keyword=value pairs",
        long,
        global = true,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) database_url: Option<String>,
    /// Take the connection's password from this file, as rotate-password --output wrote it
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// The schema of the store
    #[arg(long, global = true, default_value = "web", value_name = "NAME")]
    pub(crate) schema: String,
    /// The runtime role: the role that the application logs in as
    #[arg(long, global = true, default_value = "nodepg", value_name = "NAME")]
    pub(crate) role: String,
    /// The form of the report
    #[arg(id = "format", long = "format", value_name = "FORMAT", global = true, value_enum, default_value_t = FormatName::Text)]
    pub(crate) format_name: FormatName,
}

impl GlobalArgs {
    /// Returns the form of the report of a subcommand that has no metrics.
    pub(crate) fn format(&self) -> Format {
        if self.format_name == FormatName::Json {
            Format::Json
        } else {
            Format::Text
        }
    }

    /// Returns the store that these options name.
    pub(crate) fn install_options(&self) -> Result<InstallOptions, connect_pg::Error> {
        InstallOptions::default()
            .schema(&self.schema)?
            .role(&self.role)
    }
}
