use std::path::{Path, PathBuf};

use postgres::{Client, NoTls};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::error::{ConnectionTarget, Error};
#[cfg(feature = "tokio")]
use crate::settings::Drive;
use crate::settings::{ConnectionSettings, read_password_file};

/// Makes the connections of a pool.
pub(crate) struct Connector {
    source: ConnectSource,
    prepare_statements: bool,
}

/// Where to connect to.
pub(crate) enum ConnectSource {
    Settings(ConnectionSettings),
    Config {
        config: Config,
        password_file: Option<PathBuf>,
    },
}

impl Connector {
    pub(crate) fn new(source: ConnectSource, prepare_statements: bool) -> Connector {
        Connector {
            source,
            prepare_statements,
        }
    }

    /// Returns true if statements are prepared on the connection, once each. Otherwise they are unnamed.
    pub(crate) fn prepares_statements(&self) -> bool {
        self.prepare_statements
    }

    /// Connects, on a thread that is known to be allowed to block.
    pub(crate) fn connect(&self) -> Result<Client, Error> {
        match &self.source {
            ConnectSource::Settings(settings) => settings.connect_blocking(),
            ConnectSource::Config {
                config,
                password_file,
            } => connect(config, password_file.as_deref())
                .map_err(|error| error.at(connection_target(config))),
        }
    }

    /// Connects without blocking. `drive` runs the connection.
    #[cfg(feature = "tokio")]
    pub(crate) async fn connect_async(
        &self,
        drive: &Drive<'_>,
    ) -> Result<tokio_postgres::Client, Error> {
        match &self.source {
            ConnectSource::Settings(settings) => settings.connect_async(drive).await,
            ConnectSource::Config {
                config,
                password_file,
            } => connect_async(config, password_file.clone(), drive)
                .await
                .map_err(|error| error.at(connection_target(config))),
        }
    }
}

#[cfg(feature = "tokio")]
async fn connect_async(
    config: &Config,
    password_file: Option<PathBuf>,
    drive: &Drive<'_>,
) -> Result<tokio_postgres::Client, Error> {
    let mut config = config.clone();
    if let Some(path) = password_file {
        let password = tokio::task::spawn_blocking(move || read_password_file(&path)).await;
        config.password(password.map_err(|_| Error::no_runtime())??);
    }
    let has_password = config.get_password().is_some();
    let (client, connection) = config
        .connect(NoTls)
        .await
        .map_err(|error| Error::connect(error, has_password))?;
    drive(connection);
    Ok(client)
}

fn connect(config: &Config, password_file: Option<&Path>) -> Result<Client, Error> {
    let mut config = config.clone();
    if let Some(path) = password_file {
        config.password(read_password_file(path)?);
    }
    let has_password = config.get_password().is_some();
    postgres::Config::from(config)
        .connect(NoTls)
        .map_err(|error| Error::connect(error, has_password))
}

/// Returns where the driver's configuration leads to, for an error.
fn connection_target(config: &Config) -> ConnectionTarget {
    let ports = config.get_ports();
    // One port is for all hosts.
    let port = |at| ports.get(at).or(ports.first()).copied().unwrap_or(5432);
    let hosts = config.get_hosts().iter().enumerate();
    let mut servers: Vec<String> = hosts
        .map(|(at, host)| {
            let port = port(at);
            match host {
                Host::Tcp(name) => format!("{name} port {port}"),
                #[cfg(unix)]
                Host::Unix(directory) => {
                    format!("the socket in {} port {port}", directory.display())
                }
            }
        })
        .collect();
    if servers.is_empty() {
        let addresses = config.get_hostaddrs().iter().enumerate();
        servers.extend(addresses.map(|(at, address)| format!("{address} port {}", port(at))));
    }
    // As the driver does.
    let user = config
        .get_user()
        .map_or_else(|| whoami::username().unwrap_or_default(), ToOwned::to_owned);
    ConnectionTarget {
        database: config
            .get_dbname()
            .map_or_else(|| user.clone(), ToOwned::to_owned),
        user,
        server: servers.join(", "),
        warnings: Vec::new(),
    }
}
