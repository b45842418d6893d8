//! TLS, which this build has not got.

use super::host::{Host, default_name};
use super::sources::Sources;

/// Never go on without TLS where it was asked for. On a socket libpq does not use it either.
pub(super) fn refuse_tls(
    sources: &Sources<'_>,
    hosts: &mut Vec<Host>,
    default_port: u16,
) -> Result<(), String> {
    let mode = match sources.get("sslmode") {
        // libpq's meaning of the value: verify against the system's authorities.
        _ if sources.get("sslrootcert") == Some("system") => "verify-full",
        None => "prefer",
        Some(mode) => mode,
    };
    match mode {
        "disable" | "allow" | "prefer" => return Ok(()),
        "require" | "verify-ca" | "verify-full" => {}
        _ => {
            return Err(
                "sslmode is none of disable, allow, prefer, require, verify-ca, verify-full".into(),
            );
        }
    }
    if hosts.is_empty() {
        // Named now, so that the default cannot become TCP later, when the socket is gone.
        hosts.push(Host {
            name: default_name(default_port),
            address: None,
            port: default_port,
        });
    }
    if hosts.iter().all(Host::is_socket) {
        return Ok(());
    }
    Err(format!(
        "sslmode={mode} asks for TLS, which this build of connect-pg does not have yet, and it will not go on without; \
         connect through the server's unix socket (host=/var/run/postgresql), through a TLS tunnel on this machine \
         (with sslmode=disable), or, on a network that you trust, with sslmode=disable"
    ))
}
