//! The settings of libpq that protect a connection.

use std::path::Path;

use tokio_postgres::config::{ChannelBinding, Config, SslMode as DriverMode};

use super::custom_connector::CustomConnector;
#[cfg(feature = "tls")]
use super::handshake::RustlsHandshake;
#[cfg(feature = "tls")]
use super::handshake_settings::Verification;
use super::handshake_settings::{CertificateMode, HandshakeSettings};
use super::login_rules::LoginRules;
use super::login_watch::LoginWatch;
use super::require_auth::RequireAuth;
use super::ssl_mode::SslMode;
use super::tls_connector::{Handshake, TlsConnector};
use super::tls_files::RootSource;
use super::transport::Transport;
use crate::error::{Error, TlsError, TlsFailure};
use crate::settings::host::Host;
use crate::settings::sources::Sources;

/// How connections are protected.
#[derive(Clone, Debug)]
pub(in crate::settings) struct TlsSettings {
    /// None if it is not given. Then the host decides.
    mode: Option<SslMode>,
    /// `sslrootcert` is given.
    names_roots: bool,
    handshake: HandshakeSettings,
    channel_binding: ChannelBinding,
    require_auth: Option<RequireAuth>,
    custom: Option<CustomConnector>,
}

impl TlsSettings {
    pub(in crate::settings) fn read(
        sources: &Sources<'_>,
        home: Option<&Path>,
    ) -> Result<TlsSettings, String> {
        let mode: Option<SslMode> = sources.get("sslmode").map(str::parse).transpose()?;
        let handshake = HandshakeSettings::read(sources, home)?;
        let system = matches!(handshake.files.roots, RootSource::System);
        if let Some(mode) = mode.filter(|&mode| system && mode != SslMode::VerifyFull) {
            return Err(format!(
                "sslrootcert=system needs sslmode=verify-full, not sslmode={mode}: every owner of a domain has a certificate \
                 of such an authority"
            ));
        }
        if let Some(mode) = mode.filter(|mode| handshake.direct && mode.is_weak()) {
            return Err(format!(
                "sslnegotiation=direct needs sslmode=require, verify-ca or verify-full, not sslmode={mode}"
            ));
        }
        Ok(TlsSettings {
            mode,
            names_roots: sources.get("sslrootcert").is_some(),
            handshake,
            channel_binding: match sources.get("channel_binding") {
                None | Some("prefer") => ChannelBinding::Prefer,
                Some("disable") => ChannelBinding::Disable,
                Some("require") => ChannelBinding::Require,
                Some(_) => return Err("channel_binding must be disable, prefer or require".into()),
            },
            require_auth: sources.get("require_auth").map(str::parse).transpose()?,
            custom: None,
        })
    }

    /// Returns the settings for a driver's configuration, which has no more than its own.
    pub(in crate::settings) fn of_config(
        config: &Config,
        custom: Option<CustomConnector>,
    ) -> TlsSettings {
        TlsSettings {
            mode: match config.get_ssl_mode() {
                DriverMode::Disable => Some(SslMode::Disable),
                DriverMode::Require => Some(SslMode::VerifyFull),
                // It is the default, so it may not be a decision.
                _ => None,
            },
            names_roots: false,
            handshake: HandshakeSettings::of_config(config),
            channel_binding: config.get_channel_binding(),
            require_auth: None,
            custom,
        }
    }

    pub(in crate::settings) fn set_custom(&mut self, connector: CustomConnector) {
        self.custom = Some(connector);
    }

    pub(in crate::settings) fn is_direct(&self) -> bool {
        self.handshake.direct
    }

    pub(in crate::settings) fn channel_binding(&self) -> ChannelBinding {
        self.channel_binding
    }

    /// Returns true if no setting says how the host is to be protected, and the default is the strictest.
    pub(in crate::settings) fn is_strict_by_default(&self, host: &Host) -> bool {
        self.mode.is_none() && self.mode_for(host) == SslMode::VerifyFull
    }

    /// Returns how a host is protected. As in libpq, a socket has no TLS.
    pub(in crate::settings) fn mode_for(&self, host: &Host) -> SslMode {
        if host.is_socket() {
            return SslMode::Disable;
        }
        if let Some(mode) = self.mode {
            return mode;
        }
        if !host.is_loopback() || (self.names_roots && self.custom.is_none()) {
            SslMode::VerifyFull
        } else if self.custom.is_some() || self.channel_binding == ChannelBinding::Require {
            SslMode::Require
        } else {
            SslMode::Disable
        }
    }

    /// Returns the attempts to connect to a host, in their order.
    pub(in crate::settings) fn transports(&self, host: &Host) -> &'static [Transport] {
        let has_tls = cfg!(feature = "tls") || self.custom.is_some();
        match self.mode_for(host) {
            SslMode::Allow | SslMode::Prefer if !has_tls => &[Transport::Plain],
            SslMode::Disable => &[Transport::Plain],
            SslMode::Allow => &[Transport::Plain, Transport::Tls],
            SslMode::Prefer => &[Transport::TlsIfOffered, Transport::Plain],
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Transport::Tls],
        }
    }

    /// Checks what can be checked without a connection.
    pub(in crate::settings) fn check(&self, hosts: &[Host]) -> Result<(), String> {
        let sockets_only = hosts.iter().all(Host::is_socket);
        for host in hosts {
            let mode = self.mode_for(host);
            let given = if self.mode.is_some() {
                ""
            } else {
                "no sslmode is set, and "
            };
            if mode >= SslMode::Require && !cfg!(feature = "tls") && self.custom.is_none() {
                return Err(format!(
                    "{given}sslmode={mode} requires TLS for {host}, which this build of connect-pg does not have; enable its \
                     feature tls, bring a connector (StoreBuilder::connector), connect through the server's unix socket \
                     (host=/var/run/postgresql), or set sslmode=disable on a network that you trust"
                ));
            }
            if self.handshake.direct && mode.is_weak() && !sockets_only {
                return Err(
                    "sslnegotiation=direct needs sslmode=require, verify-ca or verify-full".into(),
                );
            }
            if self.handshake.certificate_mode == CertificateMode::Require
                && (mode.is_weak() || self.custom.is_some())
            {
                return Err(
                    "sslcertmode=require needs sslmode=require, verify-ca or verify-full, and no connector of the application"
                        .into(),
                );
            }
            if self.require_auth.is_some() && host.is_socket() {
                return Err(
                    "require_auth cannot be checked on a unix socket; remove it, or connect by TCP (host=localhost)"
                        .into(),
                );
            }
        }
        if self.custom.is_some() && self.names_files() {
            return Err(
                "an application's TLS connector does not read sslrootcert, sslcert, sslkey and sslcrl; give the files to the \
                 connector, or remove it"
                    .into(),
            );
        }
        Ok(())
    }

    fn names_files(&self) -> bool {
        let files = &self.handshake.files;
        self.names_roots
            || !files.certificate.is_default
            || !files.key.is_default
            || !files.revoked.is_default
    }

    /// Prepares an attempt, and the driver's configuration for it. Reads files.
    pub(in crate::settings) fn connector(
        &self,
        host: &Host,
        transport: Transport,
        config: &mut Config,
    ) -> Result<TlsConnector, Error> {
        config.channel_binding(self.channel_binding);
        if transport == Transport::Plain && self.channel_binding == ChannelBinding::Require {
            return Err(Error::tls(TlsError::new(
                TlsFailure::ChannelBinding,
                "channel_binding=require needs TLS, which this connection does not have",
                "connect by TCP with \
                 sslmode=verify-full, or set channel_binding=prefer",
            )));
        }
        // Nothing is to be negotiated or watched. On a socket, nothing can be.
        if host.is_socket() || (transport == Transport::Plain && self.require_auth.is_none()) {
            config.ssl_mode(DriverMode::Disable);
        } else {
            TlsConnector::prepare(config);
        }
        Ok(TlsConnector {
            handshake: self.handshake(host, transport)?,
            transport,
            name: Some(host.tls_name()),
            plain_names: Vec::new(),
            direct: self.handshake.direct,
            rules: LoginRules {
                require_auth: self.require_auth.clone(),
                channel_binding: self.channel_binding,
            },
            watch: LoginWatch::default(),
        })
    }

    fn handshake(&self, host: &Host, transport: Transport) -> Result<Handshake, Error> {
        if transport == Transport::Plain {
            return Ok(Handshake::None);
        }
        if let Some(custom) = &self.custom {
            return Ok(Handshake::Custom(custom.clone()));
        }
        #[cfg(feature = "tls")]
        {
            let mode = self.mode_for(host);
            RustlsHandshake::new(
                &self.handshake,
                self.verification(mode),
                self.mode.is_none(),
            )
            .map(|handshake| Handshake::Rustls(handshake.into()))
            .map_err(Error::connection_settings)
        }
        #[cfg(not(feature = "tls"))]
        Err(Error::connection_settings(format!(
            "{host} requires TLS, which this build of connect-pg does not have"
        )))
    }

    /// Returns what is verified in a mode. As in libpq, a file of roots that exists is used in the weaker modes too.
    #[cfg(feature = "tls")]
    fn verification(&self, mode: SslMode) -> Verification {
        match mode {
            SslMode::VerifyFull => Verification::Host,
            SslMode::VerifyCa => Verification::Authority,
            _ => match &self.handshake.files.roots {
                RootSource::File(file) if file.to_use().is_some_and(Path::exists) => {
                    Verification::Authority
                }
                _ => Verification::Nothing,
            },
        }
    }
}
