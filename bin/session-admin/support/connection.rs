//! The connection of a subcommand.

use std::path::Path;

use connect_pg::{Borrowed, ConnectionSettings, Error, Lent, Store};
use postgres::Client;

use crate::support::call_error::{connect_failed, names_refused};
use crate::support::cli_error::CliError;
use crate::support::global_args::GlobalArgs;
use crate::support::output;

/// Connects to the store's database.
pub(crate) fn open(global: &GlobalArgs) -> Result<Client, CliError> {
    global
        .install_options()
        .map_err(|error| names_refused(&error))?;
    connect(
        global.database_url.as_deref(),
        "--database-url, DATABASE_URL",
        global.password_file.as_deref(),
        None,
    )
}

/// Connects as [`open`] does, to another database of the server.
pub(crate) fn open_database(global: &GlobalArgs, database: &str) -> Result<Client, CliError> {
    connect(
        global.database_url.as_deref(),
        "--database-url, DATABASE_URL",
        global.password_file.as_deref(),
        Some(database),
    )
}

/// Returns the store on a connection or in a transaction.
pub(crate) fn store<'a, C: Lent>(
    client: &'a mut C,
    global: &GlobalArgs,
) -> Result<Store<Borrowed<'a, C>>, Error> {
    Store::on(client).schema(&global.schema)
}

/// Connects to another database. `option` is where its URL came from.
pub(crate) fn open_other(url: &str, option: &str) -> Result<Client, CliError> {
    connect(Some(url), option, None, None)
}

fn connect(
    url: Option<&str>,
    option: &str,
    password_file: Option<&Path>,
    database: Option<&str>,
) -> Result<Client, CliError> {
    let url = url.filter(|url| !url.is_empty());
    let mut settings = ConnectionSettings::with_environment(url, |name| std::env::var_os(name))
        .map_err(|error| {
            CliError::new(
                error.to_string(),
                format!("correct {option} or the PG* variable concerned"),
            )
        })?
        .fallback_application_name("session-admin");
    if let Some(path) = password_file {
        settings = settings.password_file(path);
    }
    if let Some(database) = database {
        settings = settings.in_database(database);
    } else {
        for warning in settings.warnings() {
            output::remark(&format!("session-admin: {warning}"));
        }
    }
    settings
        .connect()
        .map_err(|error| connect_failed(&error, &settings))
}
