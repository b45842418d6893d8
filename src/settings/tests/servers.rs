//! Hosts, ports, TLS and time limits.

use tokio_postgres::config::{ChannelBinding, SslMode, SslNegotiation};

use super::{error, ok};

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
fn settings_of_tls_are_checked() {
    for wrong in [
        "host=a sslmode=nonsense",
        "sslmode=require sslrootcert=system",
        "sslmode=prefer sslnegotiation=direct",
        "sslnegotiation=nonsense",
        "sslcertmode=nonsense",
        "sslcrldir=/tmp",
        "ssl_min_protocol_version=SSLv3",
        "ssl_max_protocol_version=TLSv1.1",
        "ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2",
        "channel_binding=nonsense",
        "require_auth=nonsense",
        "requirepeer=postgres",
        "gssencmode=require",
    ] {
        error(wrong, &[]);
    }
    ok(
        "host=a channel_binding=prefer gssencmode=disable ssl_min_protocol_version=TLSv1",
        &[],
    );
    // Not on a socket, where it cannot be checked.
    ok("host=localhost require_auth=none", &[]).check().unwrap();
    ok("host=/tmp require_auth=none", &[]).check().unwrap_err();
}

#[test]
fn driver_configuration_has_the_mode_of_the_hosts() {
    let mode = |text: &str, environment: &[(&str, &str)]| {
        ok(text, environment).to_config().unwrap().get_ssl_mode()
    };
    for (text, expected) in [
        ("host=/tmp", SslMode::Disable),
        ("host=/tmp sslmode=verify-full", SslMode::Disable),
        ("host=localhost", SslMode::Disable),
        ("host=127.0.0.2", SslMode::Disable),
        ("hostaddr=::1", SslMode::Disable),
        ("host=/tmp hostaddr=127.0.0.1", SslMode::Disable),
        ("host=localhost hostaddr=192.0.2.1", SslMode::Require),
        ("host=a hostaddr=127.0.0.1", SslMode::Require),
        ("host=a", SslMode::Require),
        ("hostaddr=192.0.2.1", SslMode::Require),
        ("host=a sslmode=disable", SslMode::Disable),
        ("host=a sslmode=allow", SslMode::Disable),
        ("host=a sslmode=prefer", SslMode::Prefer),
        ("host=localhost sslmode=require", SslMode::Require),
        ("host=localhost sslmode=verify-full", SslMode::Require),
        ("host=localhost sslrootcert=system", SslMode::Require),
        ("host=localhost channel_binding=require", SslMode::Require),
        ("postgresql://localhost/d?ssl=true", SslMode::Require),
    ] {
        assert_eq!(mode(text, &[]), expected, "{text}");
    }
    assert_eq!(
        mode("host=localhost", &[("PGREQUIRESSL", "1")]),
        SslMode::Require
    );
    assert_eq!(mode("host=a", &[("PGSSLMODE", "prefer")]), SslMode::Prefer);
    assert!(ok("host=localhost,a", &[]).to_config().is_err());
    let config = ok(
        "host=a sslmode=require sslnegotiation=direct channel_binding=require",
        &[],
    )
    .to_config()
    .unwrap();
    assert_eq!(config.get_ssl_negotiation(), SslNegotiation::Direct);
    assert_eq!(config.get_channel_binding(), ChannelBinding::Require);
}

#[cfg(not(feature = "tls"))]
#[test]
fn modes_that_need_tls_are_errors_of_a_build_without_it() {
    for text in [
        "host=a",
        "host=a sslmode=require",
        "host=localhost sslmode=verify-ca",
        "host=/tmp,a sslmode=verify-full",
        "host=localhost sslrootcert=system",
    ] {
        let error = ok(text, &[]).connect().err().unwrap().to_string();
        assert!(
            error.contains("sslmode=disable") && error.contains("feature tls"),
            "{error}"
        );
    }
    for text in ["host=/tmp sslmode=require", "host=a sslmode=prefer"] {
        ok(text, &[]).check().unwrap();
    }
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
