//! The authorities that the client trusts.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::pem;
use crate::settings::tls::tls_files::{RootSource, TlsFile};

/// The authorities, and their certificates if a file names them.
pub(super) struct Roots {
    pub(super) store: RootCertStore,
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

/// Reads the authorities. Without a setting and without the default file, those of the system are used if `or_system` is true.
pub(super) fn read(source: &RootSource, or_system: bool) -> Result<Roots, String> {
    match source {
        RootSource::File(file) => match file.to_use() {
            Some(_) => of_file(file),
            None if or_system => of_system(),
            None => Err(missing(file)),
        },
        RootSource::System => of_system(),
    }
}

fn of_file(file: &TlsFile) -> Result<Roots, String> {
    let Some(path) = file.to_use().filter(|path| path.exists()) else {
        return Err(missing(file));
    };
    let certificates: Vec<CertificateDer<'static>> = pem::read(path, "sslrootcert", "certificate")?;
    let mut store = RootCertStore::empty();
    let (_, invalid) = store.add_parsable_certificates(certificates.iter().cloned());
    if store.is_empty() {
        return Err(format!(
            "none of the {invalid} certificates in the file {} (sslrootcert) can be parsed",
            path.display()
        ));
    }
    Ok(Roots {
        store,
        certificates,
    })
}

fn of_system() -> Result<Roots, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        return Err(
            "the operating system has no trusted root certificates (Debian: install ca-certificates); name a file of them with \
             sslrootcert or SSL_CERT_FILE"
                .into(),
        );
    }
    Ok(Roots {
        store,
        certificates: Vec::new(),
    })
}

fn missing(file: &TlsFile) -> String {
    let path = match &file.path {
        Some(path) => format!("the file {}", path.display()),
        None => "the file ~/.postgresql/root.crt".into(),
    };
    format!(
        "{path} (sslrootcert) does not exist; set sslrootcert to the certificate of the authority that signed the server's, or \
         sslrootcert=system for the authorities of the operating system"
    )
}
