use super::login_watch::LoginWatch;
use crate::error::{TlsError, TlsFailure};

/// Returns the error of a server that refused the client's certificate.
pub(super) fn certificate_refused(watch: &LoginWatch) -> TlsError {
    let (text, hint) = if watch.certificate_sent() {
        (
            "the server ended the connection when it had got the client's certificate",
            "set sslcert and sslkey to a certificate that an authority in the server's ssl_ca_file has signed",
        )
    } else {
        (
            "the server asked for a client certificate, got none, and ended the connection",
            "set sslcert and sslkey",
        )
    };
    TlsError::new(TlsFailure::ClientCertificate, text, hint)
}
