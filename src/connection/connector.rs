use std::path::{Path, PathBuf};

use postgres::config::Host;
use postgres::{Client, Config, NoTls};

use crate::error::ConnectionTarget;
use crate::error::Error;
use crate::settings::{ConnectionSettings, read_password_file};

/// How the pool makes a connection.
pub(crate) struct Connector {
    target: ConnectSource,
    prepares: bool,
}

pub(crate) enum ConnectSource {
    Settings(ConnectionSettings),
    Config {
        config: Config,
        password_file: Option<PathBuf>,
    },
}

impl Connector {
    pub(crate) fn new(target: ConnectSource, prepares: bool) -> Connector {
        Connector { target, prepares }
    }

    /// Whether statements are prepared on the connection, once each; otherwise they are unnamed.
    pub(crate) fn prepares(&self) -> bool {
        self.prepares
    }

    pub(crate) fn connect(&self) -> Result<Client, Error> {
        match &self.target {
            ConnectSource::Settings(settings) => settings.connect(),
            ConnectSource::Config {
                config,
                password_file,
            } => connect(config, password_file.as_deref())
                .map_err(|error| error.at(connection_target(config))),
        }
    }
}

fn connect(config: &Config, password_file: Option<&Path>) -> Result<Client, Error> {
    let mut config = config.clone();
    if let Some(path) = password_file {
        config.password(read_password_file(path)?);
    }
    let has_password = config.get_password().is_some();
    config
        .connect(NoTls)
        .map_err(|error| Error::connect(error, has_password))
}

/// Where the driver's configuration leads to, for an error.
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
