//! TLS, which this build does not support.

use super::host::{Host, SOCKET_DIRECTORIES, default_name};
use super::sources::Sources;

/// Checks that the settings do not require TLS. On a unix socket libpq ignores such a setting.
pub(super) fn check_tls(
    sources: &Sources<'_>,
    hosts: &mut Vec<Host>,
    default_port: u16,
) -> Result<(), String> {
    let mode = match sources.get("sslmode") {
        // In libpq this value implies the strictest mode.
        _ if sources.get("sslrootcert") == Some("system") => "verify-full",
        None => "prefer",
        Some(mode) => mode,
    };
    match mode {
        "disable" | "allow" | "prefer" => return Ok(()),
        "require" | "verify-ca" | "verify-full" => {}
        _ => {
            return Err(
                "sslmode must be disable, allow, prefer, require, verify-ca or verify-full".into(),
            );
        }
    }
    if hosts.is_empty() {
        // The default is fixed now, so that it cannot change from the socket to TCP later.
        hosts.push(Host {
            name: default_name(&SOCKET_DIRECTORIES, default_port),
            address: None,
            port: default_port,
        });
    }
    if hosts.iter().all(Host::is_socket) {
        return Ok(());
    }
    Err(format!(
        "sslmode={mode} requires TLS, which this build of connect-pg does not support; connect through the server's unix \
         socket (host=/var/run/postgresql), or with sslmode=disable through a TLS tunnel or a network that you trust"
    ))
}
