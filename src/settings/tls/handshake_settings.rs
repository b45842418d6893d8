//! The settings of a TLS handshake.

use std::path::Path;

use tokio_postgres::config::{Config, SslNegotiation};

use super::tls_files::TlsFiles;
use crate::settings::sources::Sources;

#[derive(Clone, Debug)]
pub(super) struct HandshakeSettings {
    pub(super) files: TlsFiles,
    pub(super) certificate_mode: CertificateMode,
    /// The handshake begins without a request.
    pub(super) direct: bool,
    /// The client says which host it means (SNI).
    pub(super) sends_name: bool,
    pub(super) min_version: TlsVersion,
    pub(super) max_version: TlsVersion,
}

/// libpq's `sslcertmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CertificateMode {
    Disable,
    Allow,
    /// The server must ask for a certificate, and there must be one.
    Require,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TlsVersion {
    V1_2,
    V1_3,
}

/// What is verified of a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verification {
    Nothing,
    /// An authority in `sslrootcert` has signed it.
    Authority,
    /// And it names the host.
    Host,
}

impl HandshakeSettings {
    pub(super) fn read(
        sources: &Sources<'_>,
        home: Option<&Path>,
    ) -> Result<HandshakeSettings, String> {
        let direct = match sources.get("sslnegotiation") {
            None | Some("postgres") => false,
            Some("direct") => true,
            Some(_) => return Err("sslnegotiation must be postgres or direct".into()),
        };
        if sources.get("sslcrldir").is_some() {
            return Err(
                "connect-pg does not support sslcrldir; put the lists into one file and set sslcrl"
                    .into(),
            );
        }
        let min_version = match sources.get("ssl_min_protocol_version") {
            None | Some("TLSv1" | "TLSv1.1" | "TLSv1.2") => TlsVersion::V1_2,
            Some("TLSv1.3") => TlsVersion::V1_3,
            Some(_) => {
                return Err(
                    "ssl_min_protocol_version must be TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3".into(),
                );
            }
        };
        let max_version = match sources.get("ssl_max_protocol_version") {
            Some("TLSv1.2") => TlsVersion::V1_2,
            None | Some("TLSv1.3") => TlsVersion::V1_3,
            Some(_) => {
                return Err(
                    "ssl_max_protocol_version must be TLSv1.2 or TLSv1.3; older ones are unsafe"
                        .into(),
                );
            }
        };
        if max_version < min_version {
            return Err(
                "ssl_max_protocol_version must not be below ssl_min_protocol_version".into(),
            );
        }
        Ok(HandshakeSettings {
            files: TlsFiles::read(sources, home),
            certificate_mode: match sources.get("sslcertmode") {
                None | Some("allow") => CertificateMode::Allow,
                Some("disable") => CertificateMode::Disable,
                Some("require") => CertificateMode::Require,
                Some(_) => return Err("sslcertmode must be disable, allow or require".into()),
            },
            direct,
            sends_name: sources.get("sslsni") != Some("0"),
            min_version,
            max_version,
        })
    }

    /// Returns the settings for a driver's configuration, which has no more than its own.
    pub(super) fn of_config(config: &Config) -> HandshakeSettings {
        HandshakeSettings {
            files: TlsFiles::system_only(),
            certificate_mode: CertificateMode::Allow,
            direct: config.get_ssl_negotiation() == SslNegotiation::Direct,
            sends_name: true,
            min_version: TlsVersion::V1_2,
            max_version: TlsVersion::V1_3,
        }
    }
}
