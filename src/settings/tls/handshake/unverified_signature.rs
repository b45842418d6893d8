//! The signature of a handshake with a certificate that is not verified.
//!
//! It proves that the server has the key of its certificate: a copy of another server's would defeat channel binding.
//! rustls parses X.509 version 3 alone, and the example of PostgreSQL's documentation makes version 1.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};

use super::certificate::Certificate;

/// Verifies the signature by the key in the certificate.
pub(super) fn verify(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    supported: WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let certificate = Certificate::parse(certificate)
        .ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let algorithms = supported
        .mapping
        .iter()
        .find(|(scheme, _)| *scheme == signed.scheme)
        .map_or(&[][..], |(_, algorithms)| algorithms);
    let of_key = algorithms
        .iter()
        .filter(|algorithm| algorithm.public_key_alg_id().as_ref() == certificate.key_algorithm);
    for algorithm in of_key {
        let verified = algorithm.verify_signature(certificate.key, message, signed.signature());
        if verified.is_ok() {
            return Ok(HandshakeSignatureValid::assertion());
        }
    }
    Err(Error::InvalidCertificate(CertificateError::BadSignature))
}

/// Verifies the signature of TLS 1.3, which has fewer schemes.
pub(super) fn verify_tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    supported: WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    if matches!(
        signed.scheme,
        SignatureScheme::RSA_PKCS1_SHA256
            | SignatureScheme::RSA_PKCS1_SHA384
            | SignatureScheme::RSA_PKCS1_SHA512
    ) {
        return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
    }
    verify(message, certificate, signed, supported)
}
