//! The lists of revoked certificates.

use rustls::pki_types::CertificateRevocationListDer;

use super::pem;
use crate::settings::tls::tls_files::TlsFile;

/// Reads the lists in the file of `sslcrl`. Without one, no revocation is checked.
pub(super) fn read(file: &TlsFile) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    match file.to_use() {
        Some(path) => pem::read(path, "sslcrl", "revocation list"),
        None => Ok(Vec::new()),
    }
}
