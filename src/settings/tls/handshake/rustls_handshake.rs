//! One TLS handshake with a server.

use std::error::Error as StdError;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SupportedProtocolVersion};
use tokio_postgres::Socket;
use tokio_rustls::TlsConnector;

use super::client_certificate::{self, ClientCertificate};
use super::end_point::tls_server_end_point;
use super::rustls_stream::RustlsStream;
use super::server_verifier::ServerVerifier;
use super::{refusal, revocation, roots};
use crate::error::{TlsError, TlsFailure};
use crate::settings::tls::handshake_settings::{
    CertificateMode, HandshakeSettings, TlsVersion, Verification,
};
use crate::settings::tls::login_watch::LoginWatch;

/// What servers call their protocol in TLS. (Protocol, 54.2.11 "SSL Session Encryption")
const PROTOCOL: &[u8] = b"postgresql";

/// What a handshake needs. The files have been read.
pub(in crate::settings) struct RustlsHandshake {
    provider: Arc<CryptoProvider>,
    verifier: Arc<ServerVerifier>,
    checks_host: bool,
    versions: Vec<&'static SupportedProtocolVersion>,
    certificate: Option<Arc<CertifiedKey>>,
    certificate_mode: CertificateMode,
    sends_name: bool,
    direct: bool,
}

impl RustlsHandshake {
    /// Reads the files that the settings name.
    pub(in crate::settings::tls) fn new(
        settings: &HandshakeSettings,
        verification: Verification,
        or_system: bool,
    ) -> Result<RustlsHandshake, String> {
        let provider = Arc::new(ring::default_provider());
        let verifier = match verification {
            Verification::Nothing => ServerVerifier::accepting(&provider),
            Verification::Authority | Verification::Host => ServerVerifier::trusting(
                roots::read(&settings.files.roots, or_system)?,
                revocation::read(&settings.files.revoked)?,
                verification == Verification::Host,
                &provider,
            )?,
        };
        let versions = [
            (TlsVersion::V1_3, &rustls::version::TLS13),
            (TlsVersion::V1_2, &rustls::version::TLS12),
        ];
        Ok(RustlsHandshake {
            verifier: Arc::new(verifier),
            checks_host: verification == Verification::Host,
            versions: versions
                .into_iter()
                .filter(|(version, _)| {
                    (settings.min_version..=settings.max_version).contains(version)
                })
                .map(|(_, supported)| supported)
                .collect(),
            certificate: client_certificate::read(
                &settings.files,
                settings.certificate_mode,
                &provider,
            )?,
            certificate_mode: settings.certificate_mode,
            sends_name: settings.sends_name,
            direct: settings.direct,
            provider,
        })
    }

    /// Makes the handshake with a server that is ready for it.
    pub(in crate::settings::tls) async fn connect(
        &self,
        name: &str,
        socket: Socket,
        watch: &LoginWatch,
    ) -> Result<RustlsStream, Box<dyn StdError + Send + Sync>> {
        let (server_name, sends_name) = match ServerName::try_from(name.to_owned()) {
            Ok(server_name) => (server_name, self.sends_name),
            Err(_) if self.checks_host => {
                return Err(TlsError::new(
                    TlsFailure::WrongHost,
                    format!("no certificate can name the host {name:?}"),
                    "set host to a name that DNS allows",
                )
                .into());
            }
            // Nothing verifies the name, so none is sent.
            Err(_) => (ServerName::try_from("localhost")?, false),
        };
        let config = self.config(sends_name, watch)?;
        let connected = TlsConnector::from(Arc::new(config))
            .connect(server_name, socket)
            .await;
        let stream =
            connected.map_err(|error| refusal::of_handshake(error, name, self.direct, watch))?;
        let (_, session) = stream.get_ref();
        if self.direct && session.alpn_protocol() != Some(PROTOCOL) {
            return Err(TlsError::new(
                TlsFailure::Handshake,
                "the server did not agree to the protocol postgresql (ALPN), which sslnegotiation=direct needs",
                "set sslnegotiation=postgres; or is this another server?",
            )
            .into());
        }
        if self.certificate_mode == CertificateMode::Require && !watch.certificate_requested() {
            return Err(TlsError::new(
                TlsFailure::ClientCertificate,
                "the server did not ask for a client certificate, which sslcertmode=require demands",
"set ssl_ca_file on the \
                 server, or sslcertmode=allow",
            )
            .into());
        }
        let end_point = session
            .peer_certificates()
            .and_then(<[_]>::first)
            .and_then(|certificate| tls_server_end_point(certificate));
        Ok(RustlsStream { stream, end_point })
    }

    fn config(&self, sends_name: bool, watch: &LoginWatch) -> Result<ClientConfig, rustls::Error> {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&self.versions)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&self.verifier) as _)
            .with_client_cert_resolver(Arc::new(ClientCertificate {
                key: self.certificate.clone(),
                watch: watch.clone(),
            }));
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        config.enable_sni = sends_name;
        // Each connect reads the files anew, so it also verifies anew.
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}
