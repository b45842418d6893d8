use std::path::PathBuf;

use postgres::{Client, Config, NoTls};

use crate::{ConnectionSettings, Error};

/// How the pool makes a connection.
pub(crate) struct Connector {
    target: Target,
    prepares: bool,
}

pub(crate) enum Target {
    Settings(ConnectionSettings),
    Config {
        config: Config,
        password_file: Option<PathBuf>,
    },
}

impl Connector {
    pub(crate) fn new(target: Target, prepares: bool) -> Connector {
        Connector { target, prepares }
    }

    /// Whether statements are prepared on the connection, once each; otherwise they are unnamed.
    pub(crate) fn prepares(&self) -> bool {
        self.prepares
    }

    pub(crate) fn connect(&self) -> Result<Client, Error> {
        match &self.target {
            Target::Settings(settings) => settings.connect(),
            Target::Config {
                config,
                password_file: None,
            } => config.connect(NoTls).map_err(Error::connect),
            Target::Config {
                config,
                password_file: Some(path),
            } => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Error::connection_settings(format!(
                        "the password file {} cannot be read: {error}",
                        path.display()
                    ))
                })?;
                let password = text.lines().next().unwrap_or_default();
                if password.is_empty() {
                    let text = format!(
                        "the password file {} holds no password in its first line",
                        path.display()
                    );
                    return Err(Error::connection_settings(text));
                }
                config
                    .clone()
                    .password(password)
                    .connect(NoTls)
                    .map_err(Error::connect)
            }
        }
    }
}
