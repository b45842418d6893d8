//! Hosts, ports, TLS and time limits.

use super::{error, ok, settings};

#[test]
fn hosts_addresses_and_ports_are_paired() {
    let several = ok("host=a,b,/tmp port=5433,,5434 user=u", &[]);
    assert_eq!(
        several.server(),
        "a port 5433, b port 5432, the socket in /tmp port 5434"
    );
    assert_eq!(
        ok("host=a,b port=6000", &[]).server(),
        "a port 6000, b port 6000"
    );
    assert_eq!(
        ok("postgresql://u@a:1,[::1]:2/d", &[]).server(),
        "a port 1, ::1 port 2"
    );
    assert_eq!(
        ok("host=db hostaddr=127.0.0.1 port=1", &[]).server(),
        "db (127.0.0.1) port 1"
    );
    assert_eq!(
        ok("host=/tmp hostaddr=127.0.0.1 port=1", &[]).server(),
        "/tmp (127.0.0.1) port 1"
    );
    error("host=/tmp hostaddr=127.0.0.1 sslmode=require", &[]);
    for wrong in [
        "host=a,b port=1,2,3",
        "port=1,2",
        "host=a,b hostaddr=127.0.0.1",
        "hostaddr=localhost",
        "host=a port=70000",
        "host=@abstract",
        "target_session_attrs=primry",
        "load_balance_hosts=yes",
    ] {
        error(wrong, &[]);
    }
    let standby = ok("host=a target_session_attrs=prefer-standby", &[]);
    assert!(standby.to_config().is_err());
}

#[test]
fn sslmode_require_without_tls_is_an_error() {
    for mode in ["disable", "allow", "prefer"] {
        let config = ok("host=a", &[("PGSSLMODE", mode)]).to_config().unwrap();
        assert_eq!(
            config.get_ssl_mode(),
            tokio_postgres::config::SslMode::Disable
        );
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let error = error("host=a", &[("PGSSLMODE", mode)]);
        assert!(
            error.contains(mode) && error.contains("sslmode=disable"),
            "{error}"
        );
        // libpq has no TLS on a socket either.
        ok("host=/tmp", &[("PGSSLMODE", mode)]);
        assert!(settings(Some(&format!("host=/tmp,a sslmode={mode}")), &[]).is_err());
    }
    // No socket has this port, so the default host is TCP.
    error("port=2 sslmode=require", &[]);
    error("postgresql://a/d?ssl=true", &[]);
    error("host=a sslrootcert=system", &[]);
    error("host=a", &[("PGREQUIRESSL", "1")]);
    error("host=a sslmode=nonsense", &[]);
    for weaker in [
        "require_auth=scram-sha-256",
        "requirepeer=postgres",
        "channel_binding=require",
        "gssencmode=require",
    ] {
        error(weaker, &[]);
    }
    ok("host=a channel_binding=prefer gssencmode=disable", &[]);
}

// A server that accepts connections and never replies must not block the caller.
#[test]
fn connect_timeout_includes_the_login() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let error = ok(
        &format!("host=127.0.0.1 port={port} connect_timeout=1 user=u"),
        &[],
    )
    .connect()
    .err()
    .unwrap();
    assert!(error.is_unavailable(), "{error}");
}
