use std::error::Error as StdError;
use std::fmt;

/// Why the client refused a connection that is not as safe as its settings ask. From
/// [`Error::tls_failure`](crate::Error::tls_failure).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The server has no TLS, or something on the network hides that it has.
    NotOffered,
    /// No authority that the client trusts has signed the server's certificate.
    UntrustedIssuer,
    /// The server's certificate is for another host.
    WrongHost,
    /// The server's certificate has expired, or is not valid yet.
    Expired,
    /// The server's certificate is revoked, or its revocation list is missing or too old.
    Revoked,
    /// The server refused the client's certificate, or asked for one and got none.
    ClientCertificate,
    /// Channel binding is required and impossible, or the server has seen another TLS connection than the client.
    ChannelBinding,
    /// The server asked for another authentication method than `require_auth` allows.
    AuthenticationMethod,
    /// Anything else in the TLS handshake.
    Handshake,
}

/// A [`TlsFailure`] with its text: what failed, and what to do.
#[derive(Debug, Clone)]
pub(crate) struct TlsError {
    pub(super) failure: TlsFailure,
    text: String,
    pub(super) hint: String,
}

impl TlsError {
    /// Creates the error. `text` is what failed, and `hint` what to do.
    pub(crate) fn new(
        failure: TlsFailure,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) -> TlsError {
        TlsError {
            failure,
            text: text.into(),
            hint: hint.into(),
        }
    }

    #[cfg(feature = "admin")]
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.text, self.hint)
    }
}

impl StdError for TlsError {}
