//! The settings as a configuration of the driver.

use tokio_postgres::Config;
use tokio_postgres::config::{
    LoadBalanceHosts, SslMode as DriverMode, SslNegotiation, TargetSessionAttrs as DriverAttrs,
};

use super::connection_settings::ConnectionSettings;
use super::target_session_attrs::TargetSessionAttrs;
use super::tls::SslMode;
use crate::error::Error;

impl ConnectionSettings {
    /// Returns the settings as a configuration of the driver. Password files are read now.
    ///
    /// Prefer [`connect`](Self::connect). It supports what a [`Config`] does not: a different password for each host, a time
    /// limit that includes the login, all values of `target_session_attrs`, `require_auth`, and what `sslmode` verifies. With
    /// `require` and stricter modes, the connector that the [`Config`] is used with must verify the server.
    ///
    /// # Errors
    ///
    /// A password file cannot be read; the password file has different passwords for the hosts, or they need different
    /// values of `sslmode`; or `target_session_attrs` is `primary`, `standby` or `prefer-standby`.
    pub fn to_config(&self) -> Result<Config, Error> {
        let hosts = self.hosts();
        let target_session_attrs = match self.target_session_attrs {
            TargetSessionAttrs::Any => DriverAttrs::Any,
            TargetSessionAttrs::ReadWrite => DriverAttrs::ReadWrite,
            TargetSessionAttrs::ReadOnly => DriverAttrs::ReadOnly,
            TargetSessionAttrs::Primary
            | TargetSessionAttrs::Standby
            | TargetSessionAttrs::PreferStandby => {
                return Err(Error::connection_settings(
                    "a driver configuration does not support target_session_attrs primary, standby and prefer-standby; \
                     use read-write or read-only, or ConnectionSettings::connect"
                        .into(),
                ));
            }
        };
        let mut passwords = Vec::new();
        for host in &hosts {
            passwords.push(self.password_for(host)?);
        }
        passwords.dedup();
        let [password] = passwords.as_slice() else {
            return Err(Error::connection_settings(
                "a driver configuration has one password, but the password file has different ones for the hosts; \
                 use ConnectionSettings::connect"
                    .into(),
            ));
        };
        let mut modes: Vec<SslMode> = hosts.iter().map(|host| self.tls.mode_for(host)).collect();
        modes.dedup();
        let [mode] = modes.as_slice() else {
            return Err(Error::connection_settings(
                "a driver configuration has one sslmode, but the hosts need different ones; use ConnectionSettings::connect"
                    .into(),
            ));
        };
        let mut config = self.base_config(password.as_deref());
        config
            .ssl_mode(match mode {
                SslMode::Disable | SslMode::Allow => DriverMode::Disable,
                SslMode::Prefer => DriverMode::Prefer,
                SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => DriverMode::Require,
            })
            .ssl_negotiation(if self.tls.is_direct() {
                SslNegotiation::Direct
            } else {
                SslNegotiation::Postgres
            })
            .channel_binding(self.tls.channel_binding());
        for host in &hosts {
            host.add_to(&mut config);
        }
        config.target_session_attrs(target_session_attrs);
        if self.random_order {
            config.load_balance_hosts(LoadBalanceHosts::Random);
        }
        Ok(config)
    }

    /// Returns a configuration without hosts.
    pub(super) fn base_config(&self, password: Option<&str>) -> Config {
        let mut config = Config::new();
        config
            .user(&self.user)
            .dbname(&self.database)
            .application_name(
                self.application_name
                    .as_deref()
                    .unwrap_or(&self.fallback_application_name),
            )
            .keepalives(self.keepalives.is_some());
        if let Some(password) = password {
            config.password(password);
        }
        if let Some(options) = &self.options {
            config.options(options);
        }
        if let Some(limit) = self.connect_timeout {
            config.connect_timeout(limit);
        }
        if let Some(limit) = self.tcp_user_timeout {
            config.tcp_user_timeout(limit);
        }
        if let Some(keepalives) = self.keepalives {
            config
                .keepalives_idle(keepalives.idle)
                .keepalives_interval(keepalives.interval)
                .keepalives_retries(keepalives.count);
        }
        config
    }
}
