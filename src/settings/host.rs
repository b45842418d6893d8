//! The servers of a list.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use tokio_postgres::Config;

use super::sources::{Sources, number};

/// The directories of the server's socket: Debian's packages use the first, PostgreSQL's own build the second.
pub(super) const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];
/// In a password file, `localhost` stands for this directory.
pub(super) const DEFAULT_SOCKET_DIRECTORY: &str = SOCKET_DIRECTORIES[0];

/// One server of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// A name, an address, or the directory of a socket (it begins with `/`). Empty if only `address` is set.
    pub(super) name: String,
    /// The address to connect to; the name is not looked up then.
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
}

impl Host {
    /// Returns true for a unix socket. An address has priority over a directory, as in libpq.
    pub(super) fn is_socket(&self) -> bool {
        self.address.is_none() && self.is_socket_name()
    }

    /// Returns true for an address of this machine: what is sent there passes no network. Another name with such an address is
    /// the far end of a tunnel.
    pub(super) fn is_loopback(&self) -> bool {
        let name = self.name.is_empty() || self.is_socket_name() || is_loopback_name(&self.name);
        name && self
            .address
            .map_or_else(|| !self.name.is_empty(), |address| address.is_loopback())
    }

    /// Returns true if the name is the directory of a socket, which an address replaces.
    fn is_socket_name(&self) -> bool {
        self.name.starts_with('/')
    }

    /// Returns the name or the address that the server's certificate must have.
    pub(super) fn tls_name(&self) -> String {
        match self.address {
            Some(address) if self.name.is_empty() || self.is_socket_name() => address.to_string(),
            _ => self.name.clone(),
        }
    }

    /// Returns what the driver calls the host: a name or an address.
    pub(super) fn driver_name(&self) -> String {
        // The connector knows the name that the certificate must have.
        self.address
            .map_or_else(|| self.name.clone(), |address| address.to_string())
    }

    pub(super) fn add_to(&self, config: &mut Config) {
        if self.address.is_some() {
            config.host(self.driver_name());
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

/// Returns true for `localhost` and for a loopback address.
pub(super) fn is_loopback_name(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Reads `host`, `hostaddr` and `port`, each a comma-separated list. Returns an empty list if no host is named.
pub(super) fn read_hosts(sources: &Sources<'_>) -> Result<Vec<Host>, String> {
    let list = |keyword| -> Vec<&str> {
        sources
            .get(keyword)
            .map_or_else(Vec::new, |list| list.split(',').collect())
    };
    let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    if names.is_empty() && addresses.is_empty() {
        return if ports.len() > 1 {
            Err(format!(
                "there are {} ports, but no host; set host= or PGHOST",
                ports.len()
            ))
        } else {
            Ok(Vec::new())
        };
    }
    let count = names.len().max(addresses.len());
    if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
        return Err(format!(
            "there are {} hosts, but {} addresses; host and hostaddr (PGHOST and PGHOSTADDR) must have the same number",
            names.len(),
            addresses.len()
        ));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(format!(
            "there are {count} hosts, but {} ports; set one port, or one for each host",
            ports.len()
        ));
    }
    (0..count)
        .map(|at| {
            let port = match ports.get(at).or(ports.first()) {
                None | Some(&"") => 5432,
                Some(port) => number("port", port)?,
            };
            let address = match addresses.get(at) {
                None | Some(&"") => None,
                Some(address) => Some(parse_address(address)?),
            };
            let name = match (names.get(at), address) {
                (None | Some(&""), None) => default_name(&SOCKET_DIRECTORIES, port),
                (None, Some(_)) => String::new(),
                (Some(name), _) => (*name).to_owned(),
            };
            if name.starts_with('@') {
                return Err(
                    "a host that begins with @ (an abstract socket) is not supported; set host to the directory of the socket"
                        .into(),
                );
            }
            Ok(Host {
                name,
                address,
                port,
            })
        })
        .collect()
}

fn parse_address(text: &str) -> Result<IpAddr, String> {
    text.parse()
        .map_err(|_| format!("hostaddr \"{text}\" is not an IP address; set a name with host="))
}

/// Returns the first directory that holds a socket for the port, or `localhost`.
pub(super) fn default_name(directories: &[impl AsRef<Path>], port: u16) -> String {
    directories
        .iter()
        .map(AsRef::as_ref)
        .find(|directory| directory.join(format!(".s.PGSQL.{port}")).exists())
        .and_then(Path::to_str)
        .unwrap_or("localhost")
        .to_owned()
}
