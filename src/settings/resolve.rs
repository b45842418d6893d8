//! The settings from a connection string, a service, the environment and the defaults.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::connection_settings::{ConnectionSettings, PasswordSource};
use super::conninfo;
use super::environment::{read_environment, utf8};
use super::host::{SOCKET_DIRECTORIES, read_hosts};
use super::keepalives::read_keepalives;
use super::keywords::Keywords;
use super::service::read_service;
use super::sources::{Sources, number};
use super::target_session_attrs::TargetSessionAttrs;
use super::tls::TlsSettings;
use crate::error::Error;

impl ConnectionSettings {
    /// Reads the settings from the environment of this process: `DATABASE_URL` if it is set and not empty, then libpq's `PG*`
    /// variables and the defaults.
    ///
    /// # Errors
    ///
    /// A setting is malformed, or this build does not support it. No error repeats a password.
    pub fn from_env() -> Result<Self, Error> {
        let url = std::env::var_os("DATABASE_URL").filter(|url| !url.is_empty());
        let url = url
            .map(|url| utf8("DATABASE_URL", url))
            .transpose()
            .map_err(Error::connection_settings)?;
        Self::with_environment(url.as_deref(), |name| std::env::var_os(name))
    }

    /// Reads the settings from a connection string (a URL or `keyword=value` pairs), then from libpq's `PG*` variables and the
    /// defaults. `DATABASE_URL` is not read.
    ///
    /// # Errors
    ///
    /// As for [`from_env`](Self::from_env).
    pub fn parse(connection_string: &str) -> Result<Self, Error> {
        Self::with_environment(Some(connection_string), |name| std::env::var_os(name))
    }

    /// Parses as [`parse`](Self::parse) does, but `environment` returns the value of a variable by its name. It is asked for
    /// the `PG*` variables and `HOME`.
    ///
    /// # Errors
    ///
    /// As for [`from_env`](Self::from_env).
    #[doc(hidden)]
    pub fn with_environment(
        connection_string: Option<&str>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        resolve(connection_string, &environment).map_err(Error::connection_settings)
    }
}

/// Puts the settings together from their sources.
pub(super) fn resolve(
    connection_string: Option<&str>,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<ConnectionSettings, String> {
    let given = connection_string.map_or_else(|| Ok(Keywords::new()), conninfo::parse)?;
    let from_environment = read_environment(environment)?;
    let home = environment("HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from);
    let service = read_service(&given, &from_environment, home.as_deref())?;
    let password = [
        (&given, PasswordSource::ConnectionString),
        (&service, PasswordSource::Service),
        (&from_environment, PasswordSource::Environment),
    ]
    .into_iter()
    .find_map(|(keywords, source)| Some((keywords.get("password")?.clone(), source)))
    .filter(|(password, _)| !password.is_empty());

    let sources = Sources(vec![&given, &service, &from_environment]);
    sources.check_supported()?;
    let default_port = sources
        .get("port")
        .filter(|ports| !ports.contains(','))
        .map_or(Ok(5432), |port| number("port", port))?;
    let hosts = read_hosts(&sources)?;
    let tls = TlsSettings::read(&sources, home.as_deref())?;
    let user = match sources.get("user") {
        Some(user) => user.to_owned(),
        None => whoami::username().map_err(
            |_| "cannot read the name of the operating system's user; set user= or PGUSER",
        )?,
    };
    let fallback_application_name = sources
        .get("fallback_application_name")
        .unwrap_or("connect-pg");
    Ok(ConnectionSettings {
        hosts,
        default_port,
        database: sources
            .get("dbname")
            .map_or_else(|| user.clone(), Into::into),
        user,
        password,
        password_file: None,
        passfile: sources
            .get("passfile")
            .map(PathBuf::from)
            .or_else(|| home.map(|home| home.join(".pgpass"))),
        options: sources.get("options").map(Into::into),
        application_name: sources.get("application_name").map(Into::into),
        fallback_application_name: fallback_application_name.into(),
        connect_timeout: sources
            .limit("connect_timeout", 10)?
            .map(Duration::from_secs),
        keepalives: read_keepalives(&sources)?,
        tcp_user_timeout: sources
            .limit("tcp_user_timeout", 30_000)?
            .map(Duration::from_millis),
        target_session_attrs: sources
            .get("target_session_attrs")
            .map_or(Ok(TargetSessionAttrs::Any), TargetSessionAttrs::from_str)?,
        random_order: match sources.get("load_balance_hosts") {
            None | Some("disable") => false,
            Some("random") => true,
            Some(_) => return Err("load_balance_hosts must be disable or random".into()),
        },
        socket_directories: SOCKET_DIRECTORIES.iter().map(PathBuf::from).collect(),
        tls,
    })
}
