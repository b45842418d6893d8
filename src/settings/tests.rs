use std::collections::HashMap;
use std::ffi::OsString;

use super::*;

/// Settings from a string and an environment of their own; no home directory unless one is given.
fn settings(
    text: Option<&str>,
    environment: &[(&str, &str)],
) -> Result<ConnectionSettings, String> {
    let environment: HashMap<&str, &str> = environment.iter().copied().collect();
    ConnectionSettings::resolve(text, &|name| environment.get(name).map(OsString::from))
}

fn ok(text: &str, environment: &[(&str, &str)]) -> ConnectionSettings {
    settings(Some(text), environment).unwrap()
}

fn refusal(text: &str, environment: &[(&str, &str)]) -> String {
    settings(Some(text), environment).unwrap_err()
}

/// A directory that goes away.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let mut random = [0; 8];
        getrandom::fill(&mut random).unwrap();
        let name = format!("connect_pg_test_{:x}", u64::from_le_bytes(random));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    #[cfg(unix)]
    fn file(&self, name: &str, text: &str, mode: u32) -> String {
        use std::os::unix::fs::PermissionsExt;
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_string_goes_before_the_environment_and_that_before_the_defaults() {
    let environment = [
        ("PGHOST", "env.example"),
        ("PGPORT", "6000"),
        ("PGUSER", "env_user"),
        ("PGDATABASE", "env_database"),
        ("PGPASSWORD", "env_password"),
        ("PGAPPNAME", "env_app"),
        ("PGOPTIONS", "-c search_path=x"),
        ("PGCONNECT_TIMEOUT", "3"),
        ("PGTARGETSESSIONATTRS", "read-write"),
    ];
    let config = settings(None, &environment).unwrap().to_config().unwrap();
    assert_eq!(
        config.get_hosts(),
        [postgres::config::Host::Tcp("env.example".into())]
    );
    assert_eq!(config.get_ports(), [6000]);
    assert_eq!(config.get_user(), Some("env_user"));
    assert_eq!(config.get_dbname(), Some("env_database"));
    assert_eq!(config.get_password(), Some(b"env_password".as_slice()));
    assert_eq!(config.get_application_name(), Some("env_app"));
    assert_eq!(config.get_options(), Some("-c search_path=x"));
    assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(3)));
    assert_eq!(
        config.get_target_session_attrs(),
        postgres::config::TargetSessionAttrs::ReadWrite
    );

    // A URL leaves out what the environment then fills in.
    let config = ok("postgresql://url_user@url.example/shop", &environment)
        .to_config()
        .unwrap();
    assert_eq!(
        config.get_hosts(),
        [postgres::config::Host::Tcp("url.example".into())]
    );
    assert_eq!(config.get_ports(), [6000]);
    assert_eq!(config.get_user(), Some("url_user"));
    assert_eq!(config.get_dbname(), Some("shop"));
    assert_eq!(config.get_password(), Some(b"env_password".as_slice()));
}

#[test]
fn defaults() {
    let mut defaults = settings(None, &[]).unwrap();
    assert_eq!(defaults.user(), whoami::username().unwrap());
    assert_eq!(defaults.database(), defaults.user());
    let directory = Directory::new();
    defaults.socket_directories = vec![directory.0.join("missing"), directory.0.clone()];
    assert_eq!(defaults.server(), "localhost port 5432");
    std::fs::write(directory.0.join(".s.PGSQL.5432"), "").unwrap();
    assert_eq!(
        defaults.server(),
        format!("the socket in {} port 5432", directory.0.display())
    );
    let config = defaults.to_config().unwrap();
    assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(10)));
    assert_eq!(
        config.get_tcp_user_timeout(),
        Some(&Duration::from_secs(30))
    );
    assert!(config.get_keepalives());
    assert_eq!(config.get_keepalives_idle(), Duration::from_secs(60));
    assert_eq!(config.get_application_name(), Some("connect-pg"));
    assert_eq!(config.get_password(), None);

    assert_eq!(ok("user=alice", &[]).database(), "alice");
    let config = ok(
        "user='' connect_timeout=0 keepalives=0 tcp_user_timeout=5000 host=a",
        &[],
    )
    .fallback_application_name("session-admin")
    .to_config()
    .unwrap();
    assert_eq!(config.get_connect_timeout(), None);
    assert!(!config.get_keepalives());
    assert_eq!(config.get_tcp_user_timeout(), Some(&Duration::from_secs(5)));
    assert_eq!(config.get_application_name(), Some("session-admin"));
}

#[test]
fn several_hosts() {
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
    refusal("host=/tmp hostaddr=127.0.0.1 sslmode=require", &[]);
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
        refusal(wrong, &[]);
    }
    let standby = ok("host=a target_session_attrs=prefer-standby", &[]);
    assert!(standby.to_config().is_err());
}

#[test]
fn tls_is_never_left_out_where_it_was_asked_for() {
    for mode in ["disable", "allow", "prefer"] {
        let config = ok("host=a", &[("PGSSLMODE", mode)]).to_config().unwrap();
        assert_eq!(config.get_ssl_mode(), SslMode::Disable);
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let refusal = refusal("host=a", &[("PGSSLMODE", mode)]);
        assert!(
            refusal.contains(mode) && refusal.contains("sslmode=disable"),
            "{refusal}"
        );
        // libpq, too, has no TLS on a socket.
        ok("host=/tmp", &[("PGSSLMODE", mode)]);
        assert!(settings(Some(&format!("host=/tmp,a sslmode={mode}")), &[]).is_err());
    }
    // No socket has this port, so the default host would be TCP.
    refusal("port=2 sslmode=require", &[]);
    refusal("postgresql://a/d?ssl=true", &[]);
    refusal("host=a sslrootcert=system", &[]);
    refusal("host=a", &[("PGREQUIRESSL", "1")]);
    refusal("host=a sslmode=nonsense", &[]);
    for weaker in [
        "require_auth=scram-sha-256",
        "requirepeer=postgres",
        "channel_binding=require",
        "gssencmode=require",
    ] {
        refusal(weaker, &[]);
    }
    ok("host=a channel_binding=prefer gssencmode=disable", &[]);
}

#[cfg(unix)]
#[test]
fn the_password_file_of_libpq() {
    let home = Directory::new();
    let at_home = [("HOME", home.0.to_str().unwrap())];
    let text =
        "a:5432:d:u:first\na:5432:d:u:second\nlocalhost:*:*:u:socket\n/tmp:*:*:u:other socket\n";
    home.file(".pgpass", text, 0o600);

    let password = |text: &str| {
        let config = ok(text, &at_home).to_config().unwrap();
        config
            .get_password()
            .map(|p| String::from_utf8(p.to_vec()).unwrap())
    };
    assert_eq!(password("host=a dbname=d user=u").as_deref(), Some("first"));
    assert_eq!(
        password("host=/var/run/postgresql user=u").as_deref(),
        Some("socket")
    );
    assert_eq!(
        password("host=/tmp user=u").as_deref(),
        Some("other socket")
    );
    assert_eq!(
        password("host=a dbname=d user=u password=given").as_deref(),
        Some("given")
    );
    assert_eq!(password("host=b dbname=d user=u"), None);

    // Two hosts with two passwords do not fit into one configuration.
    assert!(
        ok("host=a,/tmp dbname=d user=u", &at_home)
            .to_config()
            .is_err()
    );
    let origin = ok("host=a dbname=d user=u", &at_home)
        .password_source()
        .unwrap();
    assert!(origin.contains(".pgpass"), "{origin}");

    // As libpq: ignored, with a warning, where others may read it.
    home.file(".pgpass", text, 0o640);
    let open = ok("host=a dbname=d user=u", &at_home);
    assert_eq!(open.to_config().unwrap().get_password(), None);
    assert_eq!(open.warnings().len(), 1);
    assert!(open.warnings()[0].contains("0600"));
    assert!(
        ok("host=a dbname=d user=u password=x", &at_home)
            .warnings()
            .is_empty()
    );

    let elsewhere = home.file("passwords", "*:*:*:*:elsewhere", 0o400);
    let config = ok("host=a", &[("PGPASSFILE", &elsewhere)])
        .to_config()
        .unwrap();
    assert_eq!(config.get_password(), Some(b"elsewhere".as_slice()));
}

#[cfg(unix)]
#[test]
fn a_password_file_of_our_own_is_read_each_time() {
    let directory = Directory::new();
    let path = directory.file("password", "one\r\nignored\n", 0o644);
    let reading = ok("host=a password=weaker", &[("PGPASSWORD", "weakest")]).password_file(&path);
    assert_eq!(
        reading.to_config().unwrap().get_password(),
        Some(b"one".as_slice())
    );
    directory.file("password", "two", 0o644);
    assert_eq!(
        reading.to_config().unwrap().get_password(),
        Some(b"two".as_slice())
    );
    directory.file("password", "\n", 0o644);
    assert!(reading.to_config().is_err());
    std::fs::remove_file(&path).unwrap();
    let error = reading.to_config().unwrap_err().to_string();
    assert!(error.contains(&path), "{error}");
}

#[cfg(unix)]
#[test]
fn services() {
    let home = Directory::new();
    let at_home = [
        ("HOME", home.0.to_str().unwrap()),
        ("PGHOST", "env.example"),
        ("PGUSER", "env_user"),
    ];
    home.file(
        ".pg_service.conf",
        "[shop]\nhost=service.example\ndbname=shop\npassword=s3cret\n",
        0o644,
    );
    let service = ok("service=shop", &at_home);
    assert_eq!(service.server(), "service.example port 5432");
    assert_eq!(service.database(), "shop");
    assert_eq!(service.user(), "env_user");
    assert_eq!(
        service.password_source().as_deref(),
        Some("the connection service")
    );
    assert_eq!(
        ok("service=shop host=given", &at_home).server(),
        "given port 5432"
    );

    let missing = refusal(
        "",
        &[("PGSERVICE", "missing"), ("HOME", home.0.to_str().unwrap())],
    );
    assert!(
        missing.contains("\"missing\"") && missing.contains(".pg_service.conf"),
        "{missing}"
    );
    let other = home.file("services", "[x]\nhost=x\n", 0o644);
    assert_eq!(
        ok("", &[("PGSERVICEFILE", &other), ("PGSERVICE", "x")]).server(),
        "x port 5432"
    );
}

#[test]
fn debug_and_errors_show_no_password() {
    let shown = format!(
        "{:?}",
        ok("postgresql://u:s3cret@a/d", &[("PGPASSWORD", "s3cret")]).password_file("/run/secret")
    );
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(shown.contains("ConnectionString"));
    let origin = ok("host=a", &[("PGPASSWORD", "s3cret")]).password_source();
    assert_eq!(origin.as_deref(), Some("PGPASSWORD"));
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_named() {
    use std::os::unix::ffi::OsStringExt;
    let refusal = ConnectionSettings::resolve(None, &|name| {
        (name == "PGUSER").then(|| OsString::from_vec(vec![0xff]))
    })
    .unwrap_err();
    assert!(refusal.contains("PGUSER"), "{refusal}");
}

/// A server that takes connections and says nothing must not hold us.
#[test]
fn the_time_limit_includes_the_login() {
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
