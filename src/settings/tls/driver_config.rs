//! The protection of connections that a driver's configuration describes.

use tokio_postgres::config::{Config, Host as DriverHost, SslMode as DriverMode};

use super::custom_connector::CustomConnector;
use super::ssl_mode::SslMode;
use super::tls_connector::TlsConnector;
use super::tls_settings::TlsSettings;
use super::transport::Transport;
use crate::error::Error;
use crate::settings::host::Host;

/// Returns the connector for a driver's configuration, which it prepares. Reads files.
///
/// `prefer` is the default there, so it counts as no decision: sockets and loopback addresses have no TLS, and every other host
/// is verified.
pub(crate) fn secure_config(
    config: &mut Config,
    custom: Option<CustomConnector>,
) -> Result<TlsConnector, Error> {
    if config.get_hosts().is_empty() {
        // The driver hands over the name of a host and not an address.
        for address in config.get_hostaddrs().to_vec() {
            config.host(address.to_string());
        }
    }
    let addresses = config.get_hostaddrs();
    let hosts: Vec<Host> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(at, host)| Host {
            name: match host {
                DriverHost::Tcp(name) => name.clone(),
                #[cfg(unix)]
                DriverHost::Unix(directory) => directory.to_string_lossy().into_owned(),
            },
            address: addresses.get(at).copied(),
            port: 0,
        })
        .collect();
    let settings = TlsSettings::of_config(config, custom);
    settings.check(&hosts).map_err(Error::connection_settings)?;
    let (plain, secured): (Vec<Host>, Vec<Host>) = hosts
        .into_iter()
        .partition(|host| settings.mode_for(host) == SslMode::Disable);
    // One connector serves all of them.
    let Some(strictest) = secured.iter().max_by_key(|host| settings.mode_for(host)) else {
        let mut connector = TlsConnector::plain();
        connector.rules.channel_binding = config.get_channel_binding();
        config.ssl_mode(DriverMode::Disable);
        return Ok(connector);
    };
    if plain.iter().any(Host::is_socket) {
        return Err(Error::connection_settings(
            "a driver's configuration cannot have a socket and a host with TLS; use StoreBuilder::database_url".into(),
        ));
    }
    let mut connector = settings.connector(strictest, Transport::Tls, config)?;
    connector.name = None;
    connector.plain_names = plain.iter().map(|host| host.name.clone()).collect();
    // The driver tells by the name alone which host it connects to.
    connector
        .plain_names
        .retain(|name| secured.iter().all(|host| host.name != *name));
    Ok(connector)
}
