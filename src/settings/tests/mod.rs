//! Settings put together from their sources.

mod passwords;
mod servers;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::connection_settings::ConnectionSettings;
use super::resolve::resolve;

/// Resolves a string in an environment of its own, without a home directory unless one is given.
fn settings(
    text: Option<&str>,
    environment: &[(&str, &str)],
) -> Result<ConnectionSettings, String> {
    let environment: HashMap<&str, &str> = environment.iter().copied().collect();
    resolve(text, &|name| environment.get(name).map(OsString::from))
}

fn ok(text: &str, environment: &[(&str, &str)]) -> ConnectionSettings {
    settings(Some(text), environment).unwrap()
}

fn error(text: &str, environment: &[(&str, &str)]) -> String {
    settings(Some(text), environment).unwrap_err()
}

/// A directory that its drop deletes.
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
fn string_has_priority_over_environment_and_defaults() {
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
        [tokio_postgres::config::Host::Tcp("env.example".into())]
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
        tokio_postgres::config::TargetSessionAttrs::ReadWrite
    );

    // The environment fills in what the URL leaves out.
    let config = ok("postgresql://url_user@url.example/shop", &environment)
        .to_config()
        .unwrap();
    assert_eq!(
        config.get_hosts(),
        [tokio_postgres::config::Host::Tcp("url.example".into())]
    );
    assert_eq!(config.get_ports(), [6000]);
    assert_eq!(config.get_user(), Some("url_user"));
    assert_eq!(config.get_dbname(), Some("shop"));
    assert_eq!(config.get_password(), Some(b"env_password".as_slice()));
}

#[test]
fn defaults_apply_where_no_source_has_a_setting() {
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

#[cfg(unix)]
#[test]
fn service_has_priority_over_environment() {
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

    let missing = error(
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
fn debug_shows_no_password() {
    let shown = format!(
        "{:?}",
        ok("postgresql://u:s3cret@a/d", &[("PGPASSWORD", "s3cret")]).password_file("/run/secret")
    );
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(shown.contains("ConnectionString"));
    let source = ok("host=a", &[("PGPASSWORD", "s3cret")]).password_source();
    assert_eq!(source.as_deref(), Some("PGPASSWORD"));
}

#[cfg(unix)]
#[test]
fn error_names_a_variable_that_is_not_text() {
    use std::os::unix::ffi::OsStringExt;
    let error = resolve(None, &|name| {
        (name == "PGUSER").then(|| OsString::from_vec(vec![0xff]))
    })
    .unwrap_err();
    assert!(error.contains("PGUSER"), "{error}");
}
