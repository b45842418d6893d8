//! The settings put together from their sources.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::conninfo::{self, Keywords};
use super::host::{SOCKET_DIRECTORIES, read_hosts};
use super::keepalives::read_keepalives;
use super::target_session_attrs::TargetSessionAttrs;
use super::tls::refuse_tls;
use super::{ConnectionSettings, PasswordSource, service};

impl ConnectionSettings {
    /// The sources put together.
    pub(super) fn resolve(
        connection_string: Option<&str>,
        environment: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, String> {
        let given = connection_string.map_or_else(|| Ok(Keywords::new()), conninfo::parse)?;
        let from_environment = read_environment(environment)?;
        let home = environment("HOME")
            .filter(|home| !home.is_empty())
            .map(PathBuf::from);
        let service = service::read(&given, &from_environment, home.as_deref())?;
        let sources = Sources(&[&given, &service, &from_environment]);
        sources.refuse_what_is_missing_here()?;

        let default_port = sources
            .get("port")
            .filter(|ports| !ports.contains(','))
            .map_or(Ok(5432), |port| number("port", port))?;
        let mut hosts = read_hosts(&sources)?;
        refuse_tls(&sources, &mut hosts, default_port)?;
        let user = match sources.get("user") {
            Some(user) => user.to_owned(),
            None => whoami::username()
                .map_err(|_| "the operating system does not tell the user's name; name one with user= or PGUSER")?,
        };
        let password = [
            (&given, PasswordSource::ConnectionString),
            (&service, PasswordSource::Service),
            (&from_environment, PasswordSource::Environment),
        ]
        .into_iter()
        .find_map(|(keywords, source)| Some((keywords.get("password")?.clone(), source)))
        .filter(|(password, _)| !password.is_empty());
        let fallback = sources
            .get("fallback_application_name")
            .unwrap_or("connect-pg");
        Ok(Self {
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
            fallback_application_name: fallback.into(),
            connect_timeout: sources
                .limit("connect_timeout", 10)?
                .map(Duration::from_secs),
            keepalives: read_keepalives(&sources)?,
            tcp_user_timeout: sources
                .limit("tcp_user_timeout", 30_000)?
                .map(Duration::from_millis),
            target: sources
                .get("target_session_attrs")
                .map_or(Ok(TargetSessionAttrs::Any), TargetSessionAttrs::from_str)?,
            random_order: match sources.get("load_balance_hosts") {
                None | Some("disable") => false,
                Some("random") => true,
                Some(_) => return Err("load_balance_hosts is neither disable nor random".into()),
            },
            socket_directories: SOCKET_DIRECTORIES.iter().map(PathBuf::from).collect(),
        })
    }
}

/// The sources of settings, the strongest first.
pub(super) struct Sources<'a>(pub(super) &'a [&'a Keywords]);

impl Sources<'_> {
    /// The value of a keyword in the first source that has it. An empty value means the default, as in libpq.
    pub(super) fn get(&self, keyword: &str) -> Option<&str> {
        self.0
            .iter()
            .find_map(|source| source.get(keyword))
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// A time limit or an interval; 0 and less mean none.
    pub(super) fn limit(&self, keyword: &str, default: u64) -> Result<Option<u64>, String> {
        let value: i64 = match self.get(keyword) {
            None => return Ok(Some(default)),
            Some(value) => number(keyword, value)?,
        };
        Ok(u64::try_from(value).ok().filter(|&value| value > 0))
    }

    /// Settings whose silent loss would make a connection weaker than asked for.
    pub(super) fn refuse_what_is_missing_here(&self) -> Result<(), String> {
        let asked = |keyword, harmless: &[&str]| {
            self.get(keyword)
                .is_some_and(|value| !harmless.contains(&value))
        };
        for (keyword, harmless) in [
            ("require_auth", &[] as &[&str]),
            ("requirepeer", &[]),
            ("channel_binding", &["prefer", "disable"]),
            ("gssencmode", &["prefer", "disable"]),
            ("sslnegotiation", &["postgres"]),
            ("replication", &["false", "off", "no", "0"]),
        ] {
            if asked(keyword, harmless) {
                return Err(format!(
                    "this build of connect-pg cannot do what the connection setting {keyword} asks for; \
                     remove it, if the connection is safe without"
                ));
            }
        }
        Ok(())
    }
}

/// All `PG*` variables that are set.
fn read_environment(environment: &dyn Fn(&str) -> Option<OsString>) -> Result<Keywords, String> {
    let mut found = Keywords::new();
    for &(keyword, variable) in conninfo::KEYWORDS {
        if variable.is_empty() {
            continue;
        }
        if let Some(value) = environment(variable) {
            found.insert(keyword, utf8(variable, value)?);
        }
    }
    // An old way to say it, which libpq still hears.
    let required = environment("PGREQUIRESSL").is_some_and(|value| value == "1");
    if required && !found.contains_key("sslmode") {
        found.insert("sslmode", "require".into());
    }
    Ok(found)
}

pub(super) fn number<N: FromStr>(keyword: &str, value: &str) -> Result<N, String> {
    value
        .trim()
        .parse()
        .map_err(|_| format!("the connection setting {keyword} is not a number in its range"))
}

pub(super) fn utf8(variable: &str, value: OsString) -> Result<String, String> {
    value
        .into_string()
        .map_err(|_| format!("the environment variable {variable} is not UTF-8 text"))
}
