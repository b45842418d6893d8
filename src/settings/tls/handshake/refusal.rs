//! Failed handshakes, in words.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError, Error};

use crate::error::{TlsError, TlsFailure};
use crate::settings::tls::certificate_refused::certificate_refused;
use crate::settings::tls::login_watch::LoginWatch;

/// Returns the error of a handshake. A broken connection stays one.
pub(super) fn of_handshake(
    error: io::Error,
    name: &str,
    direct: bool,
    watch: &LoginWatch,
) -> Box<dyn StdError + Send + Sync> {
    match rustls_error(&error) {
        Some(reason) => refusal(reason, name).into(),
        None if direct && is_cut(&error) => TlsError::new(
            TlsFailure::NotOffered,
            "the server ended the TLS handshake, and sslnegotiation=direct needs PostgreSQL 17 or later with ssl=on",
            "set sslnegotiation=postgres, or ssl=on on the server",
        )
        .into(),
        // In TLS 1.2 the certificate is part of the handshake, and the alert may be lost.
        None if watch.certificate_requested() && is_cut(&error) => {
            certificate_refused(watch).into()
        }
        None => error.into(),
    }
}

/// Returns the refusal that the server has sent after the handshake, if there is one.
pub(in crate::settings::tls) fn refusal_by_server(error: &io::Error) -> Option<TlsError> {
    match rustls_error(error)? {
        Error::AlertReceived(alert) => Some(refused_by_server(*alert)),
        _ => None,
    }
}

fn rustls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn is_cut(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

fn refusal(error: &Error, name: &str) -> TlsError {
    match error {
        Error::InvalidCertificate(reason) => bad_certificate(reason, name),
        Error::AlertReceived(alert) => refused_by_server(*alert),
        Error::InvalidMessage(_) => TlsError::new(
            TlsFailure::Handshake,
            "what the server sent is not TLS",
            "is this a PostgreSQL server, and does nothing change what it sends?",
        ),
        other => TlsError::new(
            TlsFailure::Handshake,
            format!("the TLS handshake failed ({other})"),
            "read the log of the server",
        ),
    }
}

fn bad_certificate(reason: &CertificateError, name: &str) -> TlsError {
    match reason {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => TlsError::new(
            TlsFailure::Expired,
            "the server's certificate has expired or is not valid yet",
            "renew it on the server (ssl_cert_file), or correct the \
             clock of this machine",
        ),
        CertificateError::NotValidForNameContext { presented, .. } => {
            wrong_host(name, &presented.join(", "))
        }
        CertificateError::NotValidForName => wrong_host(name, ""),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsError::new(
            TlsFailure::UntrustedIssuer,
            "no trusted authority has signed the server's certificate",
            "set sslrootcert to the certificate of the authority \
             that did",
        ),
        CertificateError::Revoked => TlsError::new(
            TlsFailure::Revoked,
            "the server's certificate is revoked",
            "issue a new one and set ssl_cert_file on the server",
        ),
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => TlsError::new(
            TlsFailure::Revoked,
            "the revocation lists (sslcrl) say nothing of the authority of the server's certificate, or are too old",
            "get a new list",
        ),
        other => TlsError::new(
            TlsFailure::Handshake,
            format!("the server's certificate cannot be verified ({other})"),
            "issue one of X.509 version 3, for a server, with subjectAltName, and set ssl_cert_file on the server",
        ),
    }
}

fn wrong_host(name: &str, presented: &str) -> TlsError {
    let names = if presented.is_empty() {
        "no host (subjectAltName)"
    } else {
        presented
    };
    TlsError::new(
        TlsFailure::WrongHost,
        format!("the server's certificate names {names}, and not {name:?}"),
        "set host to a name that it has, and hostaddr to the address; or issue one for this name",
    )
}

/// Returns the error of a server that ends the handshake.
fn refused_by_server(alert: AlertDescription) -> TlsError {
    match alert {
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateRequired
        | AlertDescription::UnknownCA
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied => TlsError::new(
            TlsFailure::ClientCertificate,
            format!("the server refused the client's certificate ({alert:?})"),
            "set sslcert and sslkey to a certificate that an \
                 authority in the server's ssl_ca_file has signed",
        ),
        AlertDescription::ProtocolVersion => TlsError::new(
            TlsFailure::Handshake,
            "the server refuses the version of TLS",
            "set ssl_min_protocol_version and ssl_max_protocol_version on both sides so \
             that TLSv1.2 or TLSv1.3 is common",
        ),
        other => TlsError::new(
            TlsFailure::Handshake,
            format!("the server refused the TLS handshake ({other:?})"),
            "read the log of the server",
        ),
    }
}
