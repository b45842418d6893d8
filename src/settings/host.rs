//! The servers of a list.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use postgres::Config;

use super::sources::{Sources, number};

/// Where Debian's and the project's own packages put the server's socket, in this order.
pub(super) const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];
/// The directory whose lines in a password file are written `localhost`.
pub(super) const DEFAULT_SOCKET_DIRECTORY: &str = SOCKET_DIRECTORIES[0];

/// One server of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// A name, an address, or a directory (beginning with `/`) that holds a socket. Empty if only `address` is known.
    pub(super) name: String,
    /// Where to connect to instead of looking the name up.
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
}

impl Host {
    /// An address goes before a directory, as in libpq.
    pub(super) fn is_socket(&self) -> bool {
        self.address.is_none() && self.name.starts_with('/')
    }

    pub(super) fn add_to(&self, config: &mut Config) {
        if let Some(address) = self.address {
            // The name serves TLS only, which this build has not got.
            config.host(&address.to_string());
        } else if self.is_socket() {
            config.host_path(&self.name);
        } else {
            config.host(&self.name);
        }
        config.port(self.port);
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, self.address) {
            (name, None) if name.starts_with('/') => {
                write!(f, "the socket in {name} port {}", self.port)
            }
            (name, Some(address)) if name.is_empty() => write!(f, "{address} port {}", self.port),
            (name, Some(address)) => write!(f, "{name} ({address}) port {}", self.port),
            (name, None) => write!(f, "{name} port {}", self.port),
        }
    }
}

/// `host`, `hostaddr` and `port`, each a list separated by commas. None named: an empty list.
pub(super) fn read_hosts(sources: &Sources<'_>) -> Result<Vec<Host>, String> {
    let list = |keyword| -> Vec<&str> {
        sources
            .get(keyword)
            .map_or_else(Vec::new, |list| list.split(',').collect())
    };
    let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    if names.is_empty() && addresses.is_empty() {
        return if ports.len() > 1 {
            Err(format!("{} ports are named, but no host", ports.len()))
        } else {
            Ok(Vec::new())
        };
    }
    let count = names.len().max(addresses.len());
    if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
        return Err(format!(
            "{} hosts do not go with {} addresses (host and hostaddr, or PGHOST and PGHOSTADDR)",
            names.len(),
            addresses.len()
        ));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(format!(
            "{} ports do not go with {count} hosts",
            ports.len()
        ));
    }
    let mut hosts = Vec::new();
    for at in 0..count {
        let port = match ports.get(at).or(ports.first()) {
            None | Some(&"") => 5432,
            Some(port) => number("port", port)?,
        };
        let address = match addresses.get(at) {
            None | Some(&"") => None,
            Some(address) => Some(address.parse().map_err(|_| {
                format!("hostaddr \"{address}\" is not an IP address; names go into host")
            })?),
        };
        let name = match (names.get(at), address) {
            (None | Some(&""), None) => default_name(port),
            (None, Some(_)) => String::new(),
            (Some(name), _) => (*name).to_owned(),
        };
        if name.starts_with('@') {
            return Err("a host that begins with @ (an abstract socket) is not supported; name the socket's directory".into());
        }
        hosts.push(Host {
            name,
            address,
            port,
        });
    }
    Ok(hosts)
}

/// What an empty entry in a list of hosts stands for.
pub(super) fn default_name(port: u16) -> String {
    SOCKET_DIRECTORIES
        .iter()
        .find(|directory| {
            Path::new(directory)
                .join(format!(".s.PGSQL.{port}"))
                .exists()
        })
        .map_or_else(|| "localhost".into(), ToString::to_string)
}
