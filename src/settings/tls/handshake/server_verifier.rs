//! The check of the server's certificate.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::certificate::Certificate;
use super::roots::Roots;
use super::unverified_signature;

/// Verifies what the `sslmode` says.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    /// None: anything is accepted.
    trust: Option<Trust>,
    supported: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
struct Trust {
    authorities: Arc<WebPkiServerVerifier>,
    /// Certificates that the file of roots contains. A server's own can be among them.
    named: Vec<CertificateDer<'static>>,
    checks_host: bool,
}

impl ServerVerifier {
    /// Accepts every certificate whose key the server has.
    pub(super) fn accepting(provider: &CryptoProvider) -> ServerVerifier {
        ServerVerifier {
            trust: None,
            supported: provider.signature_verification_algorithms,
        }
    }

    pub(super) fn trusting(
        roots: Roots,
        revoked: Vec<CertificateRevocationListDer<'static>>,
        checks_host: bool,
        provider: &Arc<CryptoProvider>,
    ) -> Result<ServerVerifier, String> {
        // A list says whom an authority has revoked. For a certificate that is named itself, there is none.
        let named = if revoked.is_empty() {
            roots.certificates
        } else {
            Vec::new()
        };
        let authorities = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots.store),
            Arc::clone(provider),
        )
        .with_crls(revoked)
        .enforce_revocation_expiration()
        .build()
        .map_err(|error| format!("the revocation lists (sslcrl) cannot be used: {error}"))?;
        Ok(ServerVerifier {
            trust: Some(Trust {
                authorities,
                named,
                checks_host,
            }),
            supported: provider.signature_verification_algorithms,
        })
    }
}

impl Trust {
    /// Verifies a self-signed certificate that the file of roots contains, which may also be an authority's.
    fn verify_named(
        &self,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        let dates = Certificate::parse(certificate).ok_or(CertificateError::BadEncoding)?;
        if !dates.is_valid_at(std::time::Duration::from_secs(now.as_secs())) {
            return Err(CertificateError::Expired.into());
        }
        if self.checks_host {
            verify_server_name(&parsed, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trust) = &self.trust else {
            return Ok(ServerCertVerified::assertion());
        };
        if trust.named.iter().any(|named| named == certificate) {
            return trust.verify_named(certificate, name, now);
        }
        let verified = trust.authorities.verify_server_cert(
            certificate,
            intermediates,
            name,
            ocsp_response,
            now,
        );
        match verified {
            // The name is what is verified last.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !trust.checks_host => Ok(ServerCertVerified::assertion()),
            // rustls has another error for one that may also sign others, as `openssl req -x509` makes it.
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if Certificate::parse(certificate).is_some_and(|it| it.is_self_signed) =>
            {
                Err(CertificateError::UnknownIssuer.into())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.trust {
            Some(_) => verify_tls12_signature(message, certificate, signed, &self.supported),
            None => unverified_signature::verify(message, certificate, signed, self.supported),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.trust {
            Some(_) => verify_tls13_signature(message, certificate, signed, &self.supported),
            None => {
                unverified_signature::verify_tls13(message, certificate, signed, self.supported)
            }
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.supported.supported_schemes()
    }
}
