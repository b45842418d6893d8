//! The connection of a subcommand.

use connect_pg::ConnectionSettings;
use postgres::Client;

use crate::cli::GlobalArgs;
use crate::support::failure::{self, Failure};
use crate::support::output;

/// Connects as the options, the environment and libpq's defaults say.
pub(crate) fn open(global: &GlobalArgs) -> Result<Client, Failure> {
    // Names that no server would take need no server to be refused.
    global
        .options()
        .validate()
        .map_err(|error| failure::calling("use these names", &error, global, ""))?;
    let settings = settings(
        global.database_url.as_deref(),
        "--database-url, DATABASE_URL",
    )?;
    connect(&settings)
}

/// Connects to a server that is not the store's.
pub(crate) fn open_other(url: &str, origin: &str) -> Result<Client, Failure> {
    connect(&settings(Some(url), origin)?)
}

fn connect(settings: &ConnectionSettings) -> Result<Client, Failure> {
    for warning in settings.warnings() {
        output::remark(&format!("session-admin: {warning}"));
    }
    settings
        .connect()
        .map_err(|error| failure::connecting(&error, settings))
}

fn settings(url: Option<&str>, origin: &str) -> Result<ConnectionSettings, Failure> {
    let given = url.filter(|url| !url.is_empty());
    ConnectionSettings::with_environment(given, |name| std::env::var_os(name))
        .map(|settings| settings.fallback_application_name("session-admin"))
        .map_err(|error| {
            Failure::new(
                error.to_string(),
                format!("correct {origin} or the PG* variable that is meant"),
            )
        })
}

/// A name as an SQL identifier.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
